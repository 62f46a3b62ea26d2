/** How long what stands before a message is, in bytes: a flag, and the length. */
export const MESSAGE_HEAD = 5;

/**
 * A message as gRPC carries it: not compressed, behind its length.
 *
 * @param parts bytes that make up the message
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export function messageFrame(
  parts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = new Uint8Array(MESSAGE_HEAD + length);
  new DataView(frame.buffer).setUint32(1, length);
  let at = MESSAGE_HEAD;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}
