/** For tests of what happens when a private part of a library is gone. */

/** The same object, without these parts. */
export const without = <A extends object>(whole: A, ...parts: ReadonlyArray<string>): A =>
  new Proxy(whole, {
    has: (target, name) => !parts.includes(String(name)) && Reflect.has(target, name),
    get: (target, name): unknown => {
      if (parts.includes(String(name))) return undefined
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === "function" ? value.bind(target) : value
    }
  })
