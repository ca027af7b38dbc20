/**
 * The text that a terminal shows once a server is ready: its addresses, and how to reload and stop it.
 *
 * @since 0.2.0
 */
import type { NetworkInterfaceInfo } from "node:os"
import type { Identity } from "./Status.js"
import { plural } from "./values.js"

/**
 * From where an address can be reached, and the address.
 *
 * @since 0.2.0
 * @category models
 */
export type Reachable = readonly [where: "Local" | "Network", address: string]

/**
 * @since 0.2.0
 * @category models
 */
export interface Ready extends Pick<Identity, "version" | "app"> {
  readonly addresses: ReadonlyArray<Reachable>
  /** Milliseconds from the start until the server was ready. */
  readonly took: number
  readonly workers: number
  /** Whether this process serves, without workers. */
  readonly here: boolean
  readonly pid: number
  /** Whether a save reloads it. */
  readonly dev: boolean
  /** Whether a control socket listens. */
  readonly hasControl: boolean
  readonly statusAt: string | undefined
  /** How the verbs find this server: `--name shop`, or `--control PATH`. */
  readonly found: string
}

/**
 * @param color whether to use colors
 *
 * @since 0.2.0
 * @category conversions
 */
export const banner = (ready: Ready, color: boolean): string => {
  const { addresses, app, dev, found, hasControl, here, pid, statusAt, took, version, workers } = ready
  const paint = (code: number, text: string): string => color ? `\x1b[${code}m${text}\x1b[0m` : text
  const row = (what: string, text: string): string => `  ${paint(32, "➜")}  ${paint(1, `${what}:`.padEnd(9))}${text}`
  const verb = (verb: string): string => `npx tsgi ${verb} ${found}`
  const reload = here
    ? []
    : [row("Reload", dev ? "save a file" : `${hasControl ? `${verb("reload")}, or ` : ""}kill -HUP ${pid}`)]
  return [
    "",
    `  ${paint(32, `tsgi ${version}`)}  ready in ${paint(1, `${took} ms`)}`,
    "",
    ...addresses.map(([where, address]) => row(where, paint(36, address))),
    row("App", `${app}, ${here ? "in this process" : plural(workers, "worker")}`),
    ...(statusAt === undefined
      ? hasControl ? [row("Status", verb("status"))] : []
      : [row("Status", paint(36, statusAt))]),
    ...reload,
    row("Stop", "Ctrl-C"),
    ""
  ].join("\n")
}

/**
 * The addresses that a browser can open: for an unspecified one, `localhost` and the IPv4 addresses of the machine.
 *
 * @param interfaces those of `os.networkInterfaces()`
 *
 * @since 0.2.0
 * @category conversions
 */
export const reachable = (
  address: string,
  interfaces: Readonly<Record<string, ReadonlyArray<NetworkInterfaceInfo> | undefined>>
): ReadonlyArray<Reachable> => {
  const [, scheme, host, port] = /^(https?:\/\/)(.+):(\d+)$/.exec(address) ?? []
  if (host === undefined || /^(?:localhost|127\..*|\[::1\])$/.test(host)) return [["Local", address]]
  if (host !== "0.0.0.0" && host !== "[::]") return [["Network", address]]
  const outside = Object.values(interfaces).flatMap((each = []) => each)
    .filter(({ family, internal }) => family === "IPv4" && !internal)
  return [
    ["Local", `${scheme}localhost:${port}`],
    ...outside.map(({ address }): Reachable => ["Network", `${scheme}${address}:${port}`])
  ]
}

/**
 * The flag by which verbs find a server, quoted for a shell.
 *
 * @param named the default path of the control socket for this name
 *
 * @since 0.2.0
 * @category conversions
 */
export const foundBy = (control: string | undefined, name: string, named: string | undefined): string =>
  control === undefined || control === named ? `--name ${quoted(name)}` : `--control ${quoted(control)}`

const quoted = (word: string): string => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

/**
 * Whether a terminal may show colors (no-color.org).
 *
 * @since 0.2.0
 * @category accessors
 */
export const mayUseColor = (env: Readonly<Record<string, string | undefined>>): boolean =>
  (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb"
