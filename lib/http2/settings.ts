import { ConnectionError, ERROR } from "./errors.ts";
import { encodeFrame, TYPE } from "./frame.ts";

/**
 * What one end of a connection tells the other of itself.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2
 */
export const SETTING = {
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

/**
 * The settings that a frame tells, in order.
 *
 * @throws {ConnectionError} when the last one is cut off
 */
export function* settingsOf(payload: Uint8Array): Generator<Setting> {
  if (payload.length % LENGTH !== 0) {
    throw new ConnectionError(ERROR.frameSize, "settings are cut off");
  }
  const view = new DataView(payload.buffer, payload.byteOffset);
  for (let at = 0; at < payload.length; at += LENGTH) {
    yield [view.getUint16(at), view.getUint32(at + 2)];
  }
}
