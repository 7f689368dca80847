"""The peer of bench/loading.ts: JPEG files to batches by Pillow and torchvision's transforms, one process and thread.

Usage: torchvision_loading.py FILES.json
Reads lines `WORK SIZE SEED` from standard input, WORK decode (whole pictures, nothing else), view (a random resized crop, bicubic, and a flip)
or randaugment (the same and RandAugment, 2 operations of magnitude 9), and answers each with the seconds, and seconds of CPU, that all files
took: {"seconds": 1.23, "cpu": 1.2}. Views end as bytes [100, 3, SIZE, SIZE], without normalisation.
"""
import json
import pathlib
import sys
import time

import torch
from PIL import Image
from torchvision import transforms

BATCH = 100
torch.set_num_threads(1)
files = json.loads(pathlib.Path(sys.argv[1]).read_text())


def transform(work, size):
    steps = [
        transforms.RandomResizedCrop(size, interpolation=transforms.InterpolationMode.BICUBIC),
        transforms.RandomHorizontalFlip(),
    ]
    if work == "randaugment":
        steps.append(transforms.RandAugment(2, 9))
    return transforms.Compose([*steps, transforms.PILToTensor()])


def read(file):
    return Image.open(file).convert("RGB")


for line in sys.stdin:
    work, size, seed = line.split()
    torch.manual_seed(int(seed))
    make = transform(work, int(size))
    started, cpu = time.perf_counter(), time.process_time()
    for at in range(0, len(files), BATCH):
        pictures = (read(file) for file in files[at : at + BATCH])
        if work == "decode":
            for _ in pictures:
                pass
        else:
            torch.stack([make(picture) for picture in pictures])
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}), flush=True)
