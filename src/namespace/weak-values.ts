/** A map that keeps none of its values alive: whoever asks for one that is still in use gets the same object. */

export class WeakValues<Key, Value extends object> {
  readonly #refs = new Map<Key, WeakRef<Value>>()
  readonly #collected = new FinalizationRegistry<Key>((key) => {
    // Another value may have its key by now.
    if (this.get(key) === undefined) this.#refs.delete(key)
  })

  get(key: Key): Value | undefined {
    return this.#refs.get(key)?.deref()
  }

  set(key: Key, value: Value): void {
    this.#refs.set(key, new WeakRef(value))
    this.#collected.register(value, key)
  }
}
