"""The peer of bench/int8.ts: a float32 file in int8 by onnxruntime.quantization, in QDQ form, per channel, min-max.

Usage: onnxruntime_int8.py FLOAT32.onnx PIXELS.bin INT8.onnx --size 160
"""
import argparse
import logging

import numpy
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("pixels")
parser.add_argument("out")
parser.add_argument("--size", type=int, default=160)
arguments = parser.parse_args()
logging.disable(logging.WARNING)
pixels = numpy.fromfile(arguments.pixels, numpy.uint8).reshape(-1, 1, arguments.size, arguments.size, 3)


class Reader(CalibrationDataReader):
    def __init__(self):
        self.left = iter(pixels)

    def get_next(self):
        images = next(self.left, None)
        return None if images is None else {"images": images}


quantize_static(
    arguments.model,
    arguments.out,
    Reader(),
    quant_format=QuantFormat.QDQ,
    per_channel=True,
    activation_type=QuantType.QUInt8,
    weight_type=QuantType.QInt8,
)
