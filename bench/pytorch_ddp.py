"""The peer of bench/ranks-member.ts: torchvision's ResNet-50 under DistributedDataParallel (Gloo), one thread a process.

Usage: pytorch_ddp.py RANK WORLD PORT SIZE BATCH STEPS
"""
import json
import statistics
import sys
import time

import torch
import torch.distributed as dist
from torchvision.models import resnet50

rank, world, port, size, batch, steps = (int(word) for word in sys.argv[1:])
torch.set_num_threads(1)
model = resnet50().train().to(memory_format=torch.channels_last)
if world > 1:
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
    model = torch.nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
images = torch.randn(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
labels = torch.arange(batch)
seconds = []
for _ in range(steps + 1):
    began = time.perf_counter()
    optimiser.zero_grad(set_to_none=True)
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    optimiser.step()
    seconds.append(time.perf_counter() - began)
print(json.dumps({"step": statistics.median(seconds[1:])}), flush=True)
