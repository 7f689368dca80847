"""timm's side of the timed steps of bench/gpu/check.ts: answers each line with the seconds of one training step, a mean of several.

channels_last, SGD as torch.optim has it, cudnn.benchmark as timm's train.py sets it, autocast in bfloat16 with --amp of train.py.
Usage: timm_step.py MODEL BATCH SIZE float32|bfloat16 DEVICE
"""
import sys
import time

import timm
import torch

name, batch, size, precision, device = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
STEPS = 10
torch.backends.cudnn.benchmark = True
SPELT = {"resnet-rs-50": "resnetrs50", "resnet-50": "resnet50", "resnet-18": "resnet18", "efficientnet-b0": "efficientnet_b0"}
model = timm.create_model(SPELT[name]).to(device).to(memory_format=torch.channels_last)
optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=4e-5)
x = torch.randn(batch, 3, size, size, device=device).to(memory_format=torch.channels_last)
y = torch.zeros(batch, dtype=torch.long, device=device)


def step():
    model.train()
    optimiser.zero_grad(set_to_none=True)
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        loss = torch.nn.functional.cross_entropy(model(x), y, label_smoothing=0.1)
    loss.backward()
    optimiser.step()


print(f"ready {torch.__version__}", flush=True)
for line in sys.stdin:
    if not line.strip():
        continue
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    torch.cuda.synchronize()
    print((time.perf_counter() - start) / STEPS, flush=True)
