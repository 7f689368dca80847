"""The peer of bench/boxes.ts: torchvision's RetinaNet on boxes of Pascal VOC, by the recipe of its references/detection, one thread.

Usage: torchvision_boxes.py VOC --cpu-seconds 900 --seed 0 --width 0.5 --out found.json
SGD 0.01 for 16 pictures, momentum 0.9, decay 1e-4, 1,000 steps of warm-up of 7,393 * 26, a tenth of the rate at 16/26 and 22/26, flips alone,
FPN and heads of 256 channels. The length is what fits: the schedule runs over the seconds of CPU in place of epochs. The trunk is ResNet-18
of this width from random weights, so its batch norm learns; with --from, a safetensors file of that trunk, batch norm is frozen and only the
last three stages learn, as torchvision has it for trained trunks. Writes boxes of the test part with their scores, in pixels of the file.
"""
import argparse
import json
import pathlib
import random
import struct
import time
import xml.etree.ElementTree as ElementTree

import numpy
import torch
from PIL import Image
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.retinanet import RetinaNet
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.ops import FrozenBatchNorm2d
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

parser = argparse.ArgumentParser()
parser.add_argument("voc", type=pathlib.Path)
parser.add_argument("--cpu-seconds", type=float, required=True)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--width", type=float, default=0.5)
parser.add_argument("--size", type=int, default=256, help="the long side")
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--classes", required=True, help="names, with commas")
parser.add_argument("--from", dest="start", type=pathlib.Path, help="weights of the trunk")
parser.add_argument("--out", type=pathlib.Path, required=True)
options = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(options.seed)
random.seed(options.seed)
classes = options.classes.split(",")


def part(name):
    """Pictures in memory, and what is on them; boxes without an area are left out, as by its references/detection."""
    found = []
    for key in (options.voc / "ImageSets" / "Main" / f"{name}.txt").read_text().split():
        root = ElementTree.parse(options.voc / "Annotations" / f"{key}.xml").getroot()
        boxes, labels = [], []
        for thing in root.iter("object"):
            box = thing.find("bndbox")
            x0, y0, x1, y1 = (float(box.find(edge).text) for edge in ("xmin", "ymin", "xmax", "ymax"))
            if x1 > x0 and y1 > y0:
                boxes.append([x0 - 1, y0 - 1, x1, y1])
                labels.append(classes.index(thing.find("name").text))
        picture = Image.open(options.voc / "JPEGImages" / f"{key}.jpg").convert("RGB")
        found.append((key, torch.from_numpy(numpy.array(picture)).permute(2, 0, 1), boxes, labels))
    return found


def tensors(path):
    """The float32 tensors of a safetensors file, by name."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    found = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = entry["data_offsets"]
            values = numpy.frombuffer(data[8 + length + start : 8 + length + end], dtype="<f4")
            found[name] = torch.from_numpy(values.copy()).reshape(entry["shape"])
    return found


def half_resnet18(width, norm):
    """ResNet-18 with this share of its channels: torchvision's own takes none for basic blocks."""
    net = ResNet(BasicBlock, [2, 2, 2, 2], norm_layer=norm)
    channels = [round(width * c) for c in (64, 128, 256, 512)]
    net.inplanes = channels[0]
    net.conv1 = torch.nn.Conv2d(3, channels[0], 7, 2, 3, bias=False)
    net.bn1 = norm(channels[0])
    for i, c in enumerate(channels):
        setattr(net, f"layer{i + 1}", net._make_layer(BasicBlock, c, 2, stride=1 if i == 0 else 2))
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net, channels


trunk, channels = half_resnet18(options.width, FrozenBatchNorm2d if options.start else torch.nn.BatchNorm2d)
if options.start:
    known = {name: value for name, value in tensors(options.start).items() if not name.startswith("fc.")}
    missing, unexpected = trunk.load_state_dict(known, strict=False)
    assert not unexpected and all(name.startswith("fc.") for name in missing), (missing, unexpected)
    for name, parameter in trunk.named_parameters():
        if not name.startswith(("layer2", "layer3", "layer4")):
            parameter.requires_grad_(False)
backbone = BackboneWithFPN(
    trunk, {"layer2": "0", "layer3": "1", "layer4": "2"}, channels[1:], 256, extra_blocks=LastLevelP6P7(256, 256)
)
model = RetinaNet(backbone, len(classes), min_size=options.size * 3 // 4, max_size=options.size)
parameters = [p for p in model.parameters() if p.requires_grad]
optimiser = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=1e-4)

train = part("train")
begun = time.process_time()
steps = pictures = 0


def share():
    return (time.process_time() - begun) / options.cpu_seconds


model.train()
while share() < 1:
    order = random.sample(range(len(train)), len(train))
    for at in range(0, len(order) - options.batch + 1, options.batch):
        images, targets = [], []
        for i in order[at : at + options.batch]:
            _, pixels, boxes, labels = train[i]
            image, box = pixels.float() / 255, torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
            if random.random() < 0.5:
                image = image.flip(-1)
                box = torch.stack([image.shape[-1] - box[:, 2], box[:, 1], image.shape[-1] - box[:, 0], box[:, 3]], 1)
            images.append(image)
            targets.append({"boxes": box, "labels": torch.tensor(labels, dtype=torch.int64)})
        f = share()
        warm = min(1.0, 0.001 + f / (1000 / (7393 * 26)))
        rate = 0.01 * options.batch / 16 * warm * (0.1 if f >= 16 / 26 else 1) * (0.1 if f >= 22 / 26 else 1)
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = sum(model(images, targets).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        steps, pictures = steps + 1, pictures + options.batch
        if steps % 10 == 1:
            print(f"step {steps}  loss {float(loss.detach()):.3f}  {100 * share():.0f} %", flush=True)
        if share() >= 1:
            break

model.eval()
found = []
with torch.no_grad():
    for key, pixels, _, _ in part("test"):
        (out,) = model([pixels.float() / 255])
        found.append({"picture": key, **{name: out[name].tolist() for name in ("boxes", "scores", "labels")}})
options.out.write_text(json.dumps({"steps": steps, "pictures": pictures, "found": found}))
