/** Bounds that keep one hostile or mistaken video from taking the machine. */
export interface ClipLimits {
  /** Most frames that are kept of a video: of a longer one those in its middle. */
  frames: number;
  /** Most pixels of one frame, before any reduction. */
  pixels: number;
  /** Most bytes of all frames that are kept, after it. */
  bytes: number;
  /** Most seconds that a decoder may take. */
  seconds: number;
  /** Most bytes of address space that a decoder may ask for. */
  memory: number;
}

export const CLIP_LIMITS: Readonly<ClipLimits> = {
  frames: 512,
  pixels: 2 ** 26,
  bytes: 2 ** 30,
  seconds: 300,
  memory: 4 * 2 ** 30,
};

/** What is to be read of a video. */
export interface ClipRequest {
  /** The shorter side of a frame that is larger is reduced to this, a multiple of 4; nothing is enlarged. */
  side: number;
  /** Only what lies between, in seconds. */
  start?: number;
  end?: number;
  limits?: Partial<ClipLimits>;
}

/**
 * The shorter side that frames are kept in for pictures of `size`: 8/7 of it, rounded up to a multiple of 4, so that 224 gives 256, as
 * tensorflow/models and SlowFast have it.
 */
export const storedSide = (size: number): number => 4 * Math.ceil((size * 8) / 7 / 4);

/** One frame of a video. */
export interface VideoFrame {
  /** [height, width, 3], those of all frames of a video alike. */
  data: Uint8Array;
  width: number;
  height: number;
  /** When it begins, in seconds; absent where nothing says it. */
  time?: number;
}

/** Frames of a video, decoded. */
export interface DecodedClip {
  /** [frames, height, width, 3] */
  data: Uint8Array;
  width: number;
  height: number;
  /** When each begins, in seconds; absent where nothing says it. */
  times?: number[];
  /** Whether only the frames in the middle were kept. */
  cut: boolean;
}
