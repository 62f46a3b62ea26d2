/** Why a stream or a connection ends: RFC 9113, 7. */
export const ERROR = {
  none: 0,
  protocol: 1,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;

export type ErrorCode = typeof ERROR[keyof typeof ERROR];

/** What breaks a connection. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";

  constructor(readonly code: ErrorCode, message: string) {
    super(message);
  }
}
