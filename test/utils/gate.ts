/** An event that happens once, and the promise of it. */
export interface Gate<A = void> {
  readonly open: (value: A) => void
  readonly opened: Promise<A>
}

export const gate = <A = void>(): Gate<A> => {
  let open: (value: A) => void = () => undefined
  const opened = new Promise<A>((resolve) => {
    open = resolve
  })
  return { open, opened }
}
