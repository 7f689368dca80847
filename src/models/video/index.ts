export { createVideoModel, VIDEO_NAMES, type VideoFacts, videoFacts } from './facts.js';
export { VideoModel } from './model.js';
export { PUBLISHED_VIDEO, VIDEO_SOURCES } from './published.js';
export { ResNet3d, type ResNet3dOptions } from './resnet3d.js';
export { VideoResNet, type VideoResNetOptions } from './torchvision.js';
