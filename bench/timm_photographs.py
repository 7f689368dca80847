"""The peer of bench/photographs.ts: one training from scratch by timm's own parts, on image folders.

create_model, create_optimizer_v2, create_scheduler_v2, create_transform, create_loader, ModelEmaV3 and the losses are timm's, put
together as its train.py does; channels_last, no compilation. The network is ResNet-RS with one block a stage and half the channels:
the same layers and parameters as `resnet-rs-14 --width 0.5`. Weights are measured on the validation pictures after the last epoch, as
trained and averaged; the better of the two there is the one whose test figure counts.

Usage: timm_photographs.py DATA --recipe NAME --epochs N [--seed 0] [--size 96] [--threads 2]
Prints a JSON line an epoch, and one with the figures at the end.
"""
import argparse
import json
import time

import torch

try:
    import torchvision  # noqa: F401
except (RuntimeError, AttributeError):
    # A torchvision without its compiled part serves: transforms are all that timm takes of it here.
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import timm
from timm.data import Mixup, create_dataset, create_loader
from timm.loss import BinaryCrossEntropy, LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.utils import ModelEmaV3

# The defaults of timm's train.py 1.0: SGD, momentum 0.9, 0.1 per 256 pictures, weight decay 2e-5, cosine, warm-up of 5 epochs from
# 1e-5, colour jitter 0.4, crops from 0.08, smoothing 0.1, batch 128.
DEFAULTS = dict(
    opt="sgd", rate=0.1, base=256, scale="linear", momentum=0.9, decay=2e-5, batch=128, warmup=5, warmup_rate=1e-5, least_rate=0.0,
    smoothing=0.1, jitter=0.4, area=(0.08, 1.0), augment=None, mixup=0.0, cutmix=0.0, bce=False, eval_crop=0.875, ema=0.9998,
)
RECIPES = {
    "defaults": {},
    # ResNet strikes back (Wightman et al. 2021, Table 2), A3: LAMB, 8e-3 at 2048 pictures by the root rule, binary cross-entropy.
    "a3": dict(
        opt="lamb", rate=8e-3, base=2048, scale="sqrt", decay=0.02, warmup_rate=1e-4, least_rate=1e-6, smoothing=0.0, jitter=0.0,
        augment="rand-m6-mstd0.5-inc1", mixup=0.1, cutmix=1.0, bce=True, eval_crop=0.95,
    ),
    # Few pictures: smaller batches, a higher rate, gentler crops, an average over fewer steps.
    "small": dict(rate=0.2, batch=32, warmup=1, area=(0.35, 1.0), jitter=0.0, decay=2e-4, ema=0.998),
    # AdamW at 0.001 for 32 pictures.
    "adamw": dict(opt="adamw", rate=1e-3, base=32, batch=32, warmup=1, area=(0.35, 1.0), jitter=0.0, decay=0.05, ema=0.998),
}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--recipe", choices=RECIPES, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--stop-after", type=int, help="epochs, to measure the speed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--parts", default="train,validation,test")
    return parser.parse_args()


def main():
    args = arguments()
    recipe = {**DEFAULTS, **RECIPES[args.recipe]}
    torch.set_num_threads(args.threads)
    timm.utils.random_seed(args.seed, 0)
    parts = [create_dataset("", root=f"{args.data}/{part}") for part in args.parts.split(",")]
    classes = len(parts[0].reader.class_to_idx)
    batch = min(recipe["batch"], len(parts[0]) // 4)
    common = dict(input_size=(3, args.size, args.size), use_prefetcher=False, num_workers=args.workers, pin_memory=False)
    train = create_loader(
        parts[0], batch_size=batch, is_training=True, scale=recipe["area"], color_jitter=recipe["jitter"],
        auto_augment=recipe["augment"], hflip=0.5, interpolation="bicubic", persistent_workers=True, **common,
    )
    measured = [
        create_loader(part, batch_size=128, is_training=False, crop_pct=recipe["eval_crop"], interpolation="bicubic", **common)
        for part in parts[1:]
    ]
    # ResNet-RS of 14 layers at half the width.
    model = timm.create_model(
        "resnetrs50", layers=[1, 1, 1, 1], channels=[32, 64, 128, 256], stem_width=16, num_classes=classes,
    ).to(memory_format=torch.channels_last)
    scale = batch / recipe["base"]
    rate = recipe["rate"] * (scale if recipe["scale"] == "linear" else scale**0.5)
    optimiser = create_optimizer_v2(
        model, opt=recipe["opt"], lr=rate, weight_decay=recipe["decay"],
        **({"momentum": recipe["momentum"]} if recipe["opt"] == "sgd" else {}),
    )
    warmup = min(recipe["warmup"], max(1, args.epochs // 10))
    steps = len(train)
    schedule, epochs = create_scheduler_v2(
        optimiser, sched="cosine", num_epochs=args.epochs, warmup_epochs=warmup, warmup_lr=recipe["warmup_rate"],
        min_lr=recipe["least_rate"], step_on_epochs=False, updates_per_epoch=steps,
    )
    ema = ModelEmaV3(model, decay=recipe["ema"], use_warmup=True)
    mixing = recipe["mixup"] > 0 or recipe["cutmix"] > 0
    mix = Mixup(
        mixup_alpha=recipe["mixup"], cutmix_alpha=recipe["cutmix"], label_smoothing=recipe["smoothing"], num_classes=classes,
    ) if mixing else None
    if recipe["bce"]:
        loss_of = BinaryCrossEntropy(smoothing=recipe["smoothing"], target_threshold=0.2)
    else:
        loss_of = SoftTargetCrossEntropy() if mixing else LabelSmoothingCrossEntropy(recipe["smoothing"])

    started = time.perf_counter()
    step = 0
    for epoch in range(args.stop_after or args.epochs):
        began = time.perf_counter()
        model.train()
        for images, target in train:
            if len(images) < 2 or (mix is not None and len(images) % 2):
                images, target = images[: len(images) // 2 * 2], target[: len(target) // 2 * 2]
            if mix is not None:
                images, target = mix(images, target)
            images = images.to(memory_format=torch.channels_last)
            optimiser.zero_grad()
            loss_of(model(images), target).backward()
            optimiser.step()
            step += 1
            ema.update(model, step=step)
            schedule.step_update(num_updates=step)
        print(json.dumps({"epoch": epoch + 1, "seconds": time.perf_counter() - began}), flush=True)
    trained = time.perf_counter() - started

    def top1(weights, loader):
        weights.eval()
        right = of = 0
        with torch.inference_mode():
            for images, target in loader:
                right += (weights(images.to(memory_format=torch.channels_last)).argmax(1) == target).sum().item()
                of += len(target)
        return 100 * right / of

    figures = {"raw": top1(model, measured[0]), "ema": top1(ema.module, measured[0])}
    best = max(figures, key=figures.get)
    test = top1(model if best == "raw" else ema.module, measured[1])
    parameters = sum(p.numel() for p in model.parameters())
    print(json.dumps({
        "timm": timm.__version__, "torch": torch.__version__, "recipe": args.recipe, "seed": args.seed, "epochs": args.epochs,
        "parameters": parameters, "validation": figures[best], "weights": best, "test": test, "seconds": trained,
    }), flush=True)


if __name__ == "__main__":
    main()
