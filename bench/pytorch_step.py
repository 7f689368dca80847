"""The peer of bench/step.ts: one training step or inference in eager PyTorch, timed on request.

Reads a line per request from standard input ("train" or "infer"), answers with the seconds of one step, and to "memory" with the bytes by which
the process had grown at most since before the model was made. channels_last
(clips as PyTorch makes them, or with FRAMES in channels_last_3d, such as 8:last), PyTorch's defaults otherwise, threads as given.
Models of TIMM are timm's own.
With bfloat16 the forward pass runs in PyTorch's autocast.
Usage: pytorch_step.py resnet-50|resnet-rs-50|quickstart|efficientnet-b0|retinanet|resnet3d-50|tresnet-m|resnest-50d|.. BATCH SIZE THREADS|default [FRAMES|''] [PRECISION]
"""
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "test" / "fixtures"))

TIMM = ("tresnet-", "resnest-", "nfnet-", "dm-nfnet-", "eca-nfnet-", "nf-", "lambda-resnet-")
name, batch, size, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
if threads != "default":
    torch.set_num_threads(int(threads))


def resident(key):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(key))


import torchvision  # noqa: E402

torch.nn.Conv2d(8, 8, 3)(torch.zeros(1, 8, 8, 8))
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak begins anew
base = resident("VmRSS")

if name == "resnet-50":
    import torchvision

    model = torchvision.models.resnet50()
elif name == "resnet-18":
    import torchvision

    model = torchvision.models.resnet18()
elif name == "retinanet":
    import torchvision
    from torchvision.models.detection import RetinaNet
    from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
    from torchvision.ops.feature_pyramid_network import LastLevelP6P7

    trunk = _resnet_fpn_extractor(torchvision.models.resnet18(), 5, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256))
    model = RetinaNet(trunk, num_classes=2, min_size=size, max_size=size)
elif name == "efficientnet-b0":
    import torchvision

    # Differs from ours in padding, alike on both sides where ours follows TensorFlow, and drops 0.2 * i/16 of block i, as ours does.
    model = torchvision.models.efficientnet_b0()
    model.classifier[0].p = 0.0  # no dropout, as on our side
elif name.startswith(TIMM):
    from timm_here import timm

    spelt = name.replace("resnest-", "resnest").replace("resnet-", "resnet") if "tresnet" not in name else name
    model = timm.create_model(spelt.replace("26rpt", "26rpt_256").replace("-", "_"))
elif name == "resnet3d-50":
    from make_video import Net

    torch.relu = torch.relu_
    model = Net([(1,) * 3, (1,) * 4, (3,) * 6, (3,) * 3], classes=400, planes=(64, 128, 256, 512))
    assert sum(p.numel() for p in model.parameters()) == 32491728
else:
    from resnet_rs_reference import ResNetRS

    torch.relu = torch.relu_  # in place, as torchvision's and timm's models do
    model = ResNetRS([1, 1, 1, 1], (16, 24), (24, 48, 96, 192), strides=(1, 2)) if name == "quickstart" else ResNetRS([3, 4, 6, 3])
frames, _, order = (sys.argv[5] if len(sys.argv) > 5 else "").partition(":")
precision = sys.argv[6] if len(sys.argv) > 6 else "float32"
half = torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16")
clips = name == "resnet3d-50"
layout = torch.channels_last if not clips else torch.channels_last_3d if order == "last" else torch.contiguous_format
if layout == torch.channels_last:
    # Kernels of pictures alone: LambdaResNet has some of five dimensions.
    for weight in model.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=layout)
else:
    model = model.to(memory_format=layout)
optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=4e-5)
x = torch.randn(batch, 3, *([int(frames)] if clips else []), size, size).to(memory_format=layout)
y = torch.zeros(batch, dtype=torch.long)


# Twelve boxes in each picture, as our side has them.
boxes = [[k % 4 * size / 4, k // 4 * size / 4, k % 4 * size / 4 + size / 8 + k * size / 96, k // 4 * size / 4 + size / 8 + k * size / 96] for k in range(12)]
truths = [{"boxes": torch.tensor(boxes), "labels": torch.arange(12) % 2} for _ in range(batch)]


def train():
    model.train()
    optimiser.zero_grad(set_to_none=True)
    if name == "retinanet":
        with half:
            loss = sum(model(list(x), truths).values())
        loss.backward()
        optimiser.step()
        return loss.item()
    with half:
        outputs = model(x)
    loss = torch.nn.functional.cross_entropy(outputs.float(), y, label_smoothing=0.1)
    loss.backward()
    optimiser.step()
    return loss.item()


def infer():
    model.eval()
    with torch.inference_mode():
        return model(x).sum().item()


print(f"ready {torch.__version__} ({torch.get_num_threads()} threads)", flush=True)
for line in sys.stdin:
    if line.strip() == "memory":
        print(resident("VmHWM") - base, flush=True)
        continue
    work = train if line.strip() == "train" else infer
    start = time.perf_counter()
    work()
    print(time.perf_counter() - start, flush=True)
