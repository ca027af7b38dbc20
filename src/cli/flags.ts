/**
 * The flags of the command, in one table for the parser, `--help` and the reference.
 *
 * @since 0.2.0
 */

/**
 * @since 0.2.0
 * @category models
 */
export interface Flag {
  readonly name: string
  readonly alias?: string
  /** The value, as help shows it; absent for a switch. */
  readonly value?: string
  /** Whether the flag may be given more than once. */
  readonly many?: true
  /** The default, as help shows it; absent if there is none. */
  readonly default?: string
  readonly group: Group
  readonly text: string
}

/**
 * @since 0.2.0
 * @category models
 */
export type Group = "Listen" | "TLS and proxies" | "Workers" | "Stop" | "Development" | "App" | "Log" | "Control"

/**
 * The flags of `serve`, `dev` and `check`. Each is also `TSGI_<NAME>` in the environment, and a key of the file in camel case.
 *
 * @since 0.2.0
 * @category constants
 */
export const flags: ReadonlyArray<Flag> = [
  { name: "host", value: "HOST", default: "127.0.0.1", group: "Listen", text: "address or name to listen on" },
  {
    name: "port",
    alias: "p",
    value: "N",
    default: "$PORT or 8090",
    group: "Listen",
    text: "TCP port; 0 takes a free one"
  },
  { name: "unix", value: "PATH", group: "Listen", text: "a unix socket instead of TCP" },
  { name: "unix-mode", value: "MODE", default: "0660", group: "Listen", text: "mode of its file" },
  { name: "fd", value: "N", default: "LISTEN_FDS", group: "Listen", text: "a bound descriptor that was inherited" },
  {
    name: "listen",
    value: "URL",
    many: true,
    group: "Listen",
    text: "http://h:p, https://h:p, unix:/p, https+unix:/p or fd:3; again for more"
  },
  {
    name: "backlog",
    value: "N",
    default: "511",
    group: "Listen",
    text: "connections the kernel keeps until they are accepted"
  },
  { name: "bind-retry", group: "Listen", text: "try a taken address 8 times, doubling from 0.5s" },

  { name: "tls-cert", value: "PATH", group: "TLS and proxies", text: "certificates (PEM); read again at reload" },
  { name: "tls-key", value: "PATH", group: "TLS and proxies", text: "their key (PEM)" },
  { name: "tls-ca", value: "PATH", group: "TLS and proxies", text: "authorities of the clients' certificates (PEM)" },
  {
    name: "tls-client",
    value: "none|request|require",
    default: "none",
    group: "TLS and proxies",
    text: "whether clients show a certificate"
  },
  {
    name: "proxy-protocol",
    value: "off|v1|v2|any",
    default: "off",
    group: "TLS and proxies",
    text: "connections begin with a PROXY header"
  },
  {
    name: "proxy-from",
    value: "CIDR,...",
    default: "loopback,unix",
    group: "TLS and proxies",
    text: "peers that may send it"
  },
  {
    name: "trusted-proxies",
    value: "CIDR,...",
    group: "TLS and proxies",
    text: "peers whose forwarded fields are logged; --set forwarded=x-forwarded believes them"
  },

  {
    name: "workers",
    alias: "w",
    value: "N|auto",
    default: "$WEB_CONCURRENCY or 1",
    group: "Workers",
    text: "processes; auto: a core each; 0: none, this one serves"
  },
  {
    name: "boot-timeout",
    value: "TIME",
    default: "60s",
    group: "Workers",
    text: "from the start of a worker until it is ready"
  },
  {
    name: "hang-timeout",
    value: "TIME",
    default: "30s",
    group: "Workers",
    text: "event loop without a beat, then it is killed; less than 2s counts as 2s; 0: off"
  },
  { name: "max-requests", value: "N", default: "0", group: "Workers", text: "replace a worker after so many; 0: off" },
  { name: "max-age", value: "TIME", default: "0", group: "Workers", text: "replace a worker that is older; 0: off" },
  {
    name: "max-memory",
    value: "SIZE",
    default: "0",
    group: "Workers",
    text: "replace a worker whose RSS is larger; 0: off"
  },
  { name: "jitter", value: "PERCENT", default: "10%", group: "Workers", text: "spread of the three above" },

  { name: "settle", value: "TIME", default: "1s", group: "Stop", text: "idle connections stay open for so long" },
  {
    name: "grace",
    value: "TIME",
    default: "10s",
    group: "Stop",
    text: "running requests may end, then they are interrupted"
  },
  {
    name: "kill-after",
    value: "TIME",
    default: "5s",
    group: "Stop",
    text: "a worker that has not ended then is killed"
  },
  {
    name: "unready",
    value: "TIME",
    default: "0s",
    group: "Stop",
    text: "after TERM: /ready is 503, everything else goes on"
  },

  { name: "watch", group: "Development", text: "reload when a source changes" },
  { name: "watch-path", value: "PATH", many: true, default: ".", group: "Development", text: "what to watch" },
  {
    name: "watch-ignore",
    value: "NAME",
    many: true,
    group: "Development",
    text: "names of files and folders to pass over"
  },
  { name: "debug", group: "Development", text: "answer failures with their text" },

  { name: "factory", group: "App", text: "the export makes the app; called once a worker" },
  { name: "interface", value: "auto|fetch|wsgi|effect", default: "auto", group: "App", text: "what the app is" },
  {
    name: "env-file",
    value: "PATH",
    many: true,
    group: "App",
    text: "environment of the workers; variables that are set override it"
  },
  { name: "import", value: "MODULE", many: true, group: "App", text: "imported by workers before the app" },
  {
    name: "node-arg",
    value: "ARG",
    many: true,
    group: "App",
    text: "given to the workers' node, as --node-arg=--inspect"
  },
  { name: "cwd", value: "PATH", default: ".", group: "App", text: "folder of the workers" },
  {
    name: "set",
    value: "KEY=VALUE",
    many: true,
    group: "App",
    text: "an option of the engine: limits.body=10MiB, timeouts.head=30s"
  },
  {
    name: "config",
    value: "PATH",
    default: "tsgi.{json,yaml,toml}",
    group: "App",
    text: "file with these settings in camel case"
  },

  {
    name: "access-log",
    value: "-|PATH|none",
    default: "-",
    group: "Log",
    text: "where requests are logged; -: standard error"
  },
  {
    name: "log-format",
    value: "TEMPLATE|json",
    default: "eventlet's line",
    group: "Log",
    text: "a line of the access log"
  },
  { name: "log", value: "text|json", default: "text", group: "Log", text: "the supervisor's lines, on standard error" },
  { name: "log-level", value: "debug|info|warn|error", default: "info", group: "Log", text: "the least of them" },

  {
    name: "control",
    value: "PATH|none",
    default: "$XDG_RUNTIME_DIR/tsgi or /tmp/tsgi-UID",
    group: "Control",
    text: "unix socket of status, reload, stop"
  },
  {
    name: "name",
    value: "NAME",
    default: "folder's name",
    group: "Control",
    text: "of this server, among others of this user"
  },
  {
    name: "status",
    value: "HOST:PORT|none",
    default: "none",
    group: "Control",
    text: "/ready /live /status /metrics by TCP"
  },
  { name: "pid-file", value: "PATH|none", default: "none", group: "Control", text: "file with the supervisor's pid" }
]

/**
 * Flags of the verbs that ask a running server.
 *
 * @since 0.2.0
 * @category constants
 */
export const clientFlags: ReadonlyArray<Flag> = flags.filter(({ name }) => ["control", "name", "config"].includes(name))

/**
 * The key of a flag in the file: `max-age` is `maxAge`.
 *
 * @since 0.2.0
 * @category conversions
 */
export const keyOf = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

/**
 * The variable of a flag: `max-age` is `TSGI_MAX_AGE`.
 *
 * @since 0.2.0
 * @category conversions
 */
export const variableOf = (name: string): string => `TSGI_${name.replaceAll("-", "_").toUpperCase()}`

/**
 * The help for flags, in groups, with one line for each flag, its unit and its default.
 *
 * @since 0.2.0
 * @category conversions
 */
export const help = (flags: ReadonlyArray<Flag>): string => {
  const groups = [...new Set(flags.map(({ group }) => group))]
  const head = ({ alias, name, value }: Flag): string =>
    `  ${alias === undefined ? "" : `-${alias}, `}--${name}${value === undefined ? "" : ` ${value}`}`
  const line = (flag: Flag): string => {
    const more = [
      ...(flag.many === true ? ["may be given again"] : []),
      ...(flag.default === undefined ? [] : [`default ${flag.default}`])
    ]
    return `${head(flag).padEnd(width)} ${flag.text}${more.length === 0 ? "" : ` (${more.join("; ")})`}`
  }
  return groups.map((group) => [`${group}:`, ...flags.filter((flag) => flag.group === group).map(line)].join("\n"))
    .join("\n")
}

const width = 38
