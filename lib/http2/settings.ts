import { ConnectionError, ERROR } from "./errors.ts";
import { encodeFrame, MAX_PAYLOAD, MAX_WINDOW, TYPE } from "./frame.ts";

/**
 * What one end of a connection tells the other of itself.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2
 */
export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** How long a setting is, in bytes: its identifier, and its value. */
const LENGTH = 6;

type Setting = readonly [id: number, value: number];

/** A frame that tells settings. */
export function settingsFrame(settings: readonly Setting[]): Uint8Array {
  const payload = new Uint8Array(LENGTH * settings.length);
  const view = new DataView(payload.buffer);
  settings.forEach(([id, value], i) => {
    view.setUint16(LENGTH * i, id);
    view.setUint32(LENGTH * i + 2, value);
  });
  return encodeFrame(TYPE.settings, 0, 0, payload);
}

/** The largest payload of a frame that a peer can allow, in bytes. */
const MAX_FRAME_SIZE = 2 ** 24 - 1;

/**
 * The settings of a frame, in order.
 *
 * @throws {ConnectionError} when a setting is cut off or has no valid value
 */
export function* settingsOf(payload: Uint8Array): Generator<Setting> {
  if (payload.length % LENGTH !== 0) {
    throw new ConnectionError(ERROR.frameSize, "settings are cut off");
  }
  const view = new DataView(payload.buffer, payload.byteOffset);
  for (let at = 0; at < payload.length; at += LENGTH) {
    const [id, value] = [view.getUint16(at), view.getUint32(at + 2)];
    check(id, value);
    yield [id, value];
  }
}

function check(id: number, value: number): void {
  if (id === SETTING.enablePush && value > 1) {
    throw new ConnectionError(ERROR.protocol, "ENABLE_PUSH is 0 or 1");
  }
  if (id === SETTING.initialWindowSize && value > MAX_WINDOW) {
    throw new ConnectionError(ERROR.flowControl, "too large a first window");
  }
  if (
    id === SETTING.maxFrameSize &&
    (value < MAX_PAYLOAD || value > MAX_FRAME_SIZE)
  ) {
    throw new ConnectionError(ERROR.protocol, "MAX_FRAME_SIZE out of range");
  }
}
