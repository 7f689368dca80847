"""The peer of bench/simclr-augment.ts: SimCLR's augmentation by torchvision's transforms, one thread.

Usage: torchvision_simclr.py PICTURES.json PICTURES.bin --size 96
Reads lines `SIDE WORK SEED` from standard input, SIDE pil or tensor, WORK view, crop or colour, and answers each with the seconds that one
view of every picture took: {"seconds": 1.23}. Pictures are decoded already; a view ends as bytes.
"""
import argparse
import json
import pathlib
import sys
import time

import numpy
import torch

try:
    import torchvision  # noqa: F401
except (RuntimeError, AttributeError):
    # A torchvision without its compiled part serves: transforms are all that is used of it here.
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from PIL import Image
from torchvision.transforms import v2

parser = argparse.ArgumentParser()
parser.add_argument("facts")
parser.add_argument("pixels")
parser.add_argument("--size", type=int, default=96)
options = parser.parse_args()
size = options.size
torch.set_num_threads(1)

data = numpy.fromfile(options.pixels, numpy.uint8)
arrays = [
    data[at : at + 3 * width * height].reshape(height, width, 3)
    for width, height, at in json.loads(pathlib.Path(options.facts).read_text())
]
pictures = {
    "pil": [Image.fromarray(array) for array in arrays],
    # A decoder gives rows of pixels, as torchvision's own does: a view with the channels first, channels_last in memory.
    "tensor": [torch.from_numpy(array.copy()).permute(2, 0, 1) for array in arrays],
}
kernel = 2 * (size // 10 // 2) + 1
crop = [v2.RandomResizedCrop(size, interpolation=v2.InterpolationMode.BICUBIC, antialias=True), v2.RandomHorizontalFlip()]
colour = [
    v2.RandomApply([v2.ColorJitter(0.8, 0.8, 0.8, 0.2)], 0.8),
    v2.RandomGrayscale(0.2),
    v2.RandomApply([v2.GaussianBlur(kernel, (0.1, 2.0))], 0.5),
]
works = {"view": v2.Compose(crop + colour), "crop": v2.Compose(crop), "colour": v2.Compose(colour)}
small = {side: [v2.functional.resize(one, [size, size]) for one in ones] for side, ones in pictures.items()}

for line in sys.stdin:
    side, work, seed = line.split()
    torch.manual_seed(int(seed))
    source = (small if work == "colour" else pictures)[side]
    transform = works[work]
    started = time.perf_counter()
    for picture in source:
        transform(picture)
    print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)
