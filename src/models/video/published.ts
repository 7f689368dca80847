/** Kinetics-400 top-1 in percent of a model of clips at its own frames and size. */
export interface PublishedVideo {
  name: string;
  top1: number;
  source: 'garden' | 'slowfast' | 'torchvision';
}

/** Where they are from, with the views of which each accuracy is the mean. */
export const VIDEO_SOURCES = {
  garden: 'Published for 10 clips x 3 crops of 256 pixels a video: tensorflow/models official/vision/MODEL_GARDEN.md',
  slowfast:
    'Published for 10 clips x 3 crops of 256 pixels a video: SLOW_8x8_R50 of SlowFast MODEL_ZOO.md, as pytorchvideo has it',
  torchvision: 'Published for 5 clips a video at 15 frames a second: torchvision, the documentation of its weights',
} as const;

/** The baseline's row is that of its own recipe there, not the paper's 73.4. */
export const PUBLISHED_VIDEO: readonly PublishedVideo[] = [
  { name: 'resnet3d-50', top1: 77, source: 'garden' },
  { name: 'resnet3d-rs-50', top1: 78.2, source: 'garden' },
  { name: 'resnet3d-rs-101', top1: 79.5, source: 'garden' },
  { name: 'resnet3d-rs-152', top1: 79.9, source: 'garden' },
  { name: 'resnet3d-rs-200', top1: 80.4, source: 'garden' },
  { name: 'slow-50', top1: 74.6, source: 'slowfast' },
  { name: 'r3d-18', top1: 63.2, source: 'torchvision' },
  { name: 'mc3-18', top1: 64, source: 'torchvision' },
];
