/** What is made of a value, made once and kept for as long as the value. */
export function memo<K extends object, V>(
  made: WeakMap<K, V>,
  value: K,
  make: () => V,
): V {
  const known = made.get(value);
  if (known !== undefined) return known;
  const fresh = make();
  made.set(value, fresh);
  return fresh;
}
