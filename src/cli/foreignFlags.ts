/**
 * Names of flags and verbs in gunicorn, uvicorn, granian, hypercorn, puma and pm2, with what to give to tsgi instead.
 *
 * @since 0.2.0
 */

const instead: Readonly<Record<string, string>> = {
  "bind": "--listen http://HOST:PORT, or --host and --port",
  "uds": "--unix PATH",
  "socket": "--unix PATH",
  "certfile": "--tls-cert PATH",
  "ssl-certfile": "--tls-cert PATH",
  "keyfile": "--tls-key PATH",
  "ssl-keyfile": "--tls-key PATH",
  "ca-certs": "--tls-ca PATH",
  "ssl-ca-certs": "--tls-ca PATH",
  "instances": "--workers N",
  "reload": "--watch, or tsgi dev",
  "reload-dir": "--watch-path PATH",
  "reload-exclude": "--watch-ignore NAME",
  "timeout": "--hang-timeout TIME (of the event loop), or --set timeouts.head=30s and others of the engine",
  "graceful-timeout": "--grace TIME",
  "timeout-graceful-shutdown": "--grace TIME",
  "kill-timeout": "--grace TIME and --kill-after TIME",
  "keep-alive": "--set timeouts.idle=5s",
  "timeout-keep-alive": "--set timeouts.idle=5s",
  "limit-max-requests": "--max-requests N",
  "max-requests-jitter": "--jitter PERCENT",
  "max-memory-restart": "--max-memory SIZE",
  "limit-concurrency": "--set limits.connections=1000",
  "proxy-headers": "--trusted-proxies CIDR,... and --set forwarded=x-forwarded",
  "forwarded-allow-ips": "--trusted-proxies CIDR,... and --set forwarded=x-forwarded",
  "access-logfile": "--access-log PATH",
  "access-logformat": "--log-format TEMPLATE",
  "no-access-log": "--access-log none",
  "error-logfile": "2>> PATH of the shell: the server's lines go to standard error",
  "log-file": "2>> PATH of the shell: the server's lines go to standard error",
  "pid": "--pid-file PATH",
  "pidfile": "--pid-file PATH",
  "chdir": "--cwd PATH",
  "app-dir": "--cwd PATH",
  "directory": "--cwd PATH",
  "env": "--env-file PATH, or NAME=VALUE before the command",
  "control-url": "--control PATH and --status HOST:PORT",
  "environment": "NODE_ENV=production before the command",
  "daemon": "a service manager: systemd, or a container",
  "threads": "--workers N: a worker has one event loop for all of its requests",
  "worker-class": "nothing: a worker has one event loop for all of its requests",
  "preload": "nothing: each worker loads the app, as Node cannot fork",
  "preload-app": "nothing: each worker loads the app, as Node cannot fork",
  "reuse-port": "nothing: workers share one socket",
  "user": "User= of systemd, or --fd with a socket that was bound by root",
  "group": "Group= of systemd, or --unix-mode"
}

/** Verbs of pm2, systemctl and docker, with those of tsgi that do the same. */
const verbs: Readonly<Record<string, string>> = {
  start: "serve",
  run: "serve",
  up: "serve",
  restart: "reload",
  ps: "status",
  ls: "status",
  list: "status",
  kill: "stop",
  delete: "stop",
  down: "stop",
  test: "check",
  validate: "check"
}

/** Verbs that tsgi does not have, with what to do instead. */
const otherwise: Readonly<Record<string, string>> = {
  logs: "the server's lines go to standard error, requests to --access-log",
  version: "give tsgi --version",
  init: "npm init -y, and an app that a module exports as default, are all that is needed",
  daemon: "a service manager keeps it running: systemd, or a container"
}

/**
 * The verb of tsgi that does the same as another program's; `undefined` if there is none.
 *
 * @since 0.2.0
 * @category accessors
 */
export const verbLike = (name: string): string | undefined => Object.hasOwn(verbs, name) ? verbs[name] : undefined

/**
 * What to do in place of another program's verb that tsgi does not have; `undefined` for others.
 *
 * @since 0.2.0
 * @category accessors
 */
export const insteadOfVerb = (name: string): string | undefined =>
  Object.hasOwn(otherwise, name) ? otherwise[name] : undefined

/** The long names of short flags such as `-b`. */
const short: Readonly<Record<string, string>> = {
  b: "bind",
  C: "config",
  c: "config",
  D: "daemon",
  d: "daemon",
  e: "env",
  i: "instances",
  k: "worker-class",
  t: "threads"
}

/**
 * What to give in place of another program's flag; `undefined` if there is nothing.
 *
 * @since 0.2.0
 * @category accessors
 */
export const insteadOf = (name: string): string | undefined => {
  const long = short[name] ?? name
  return instead[long] ?? (name in short ? `--${long}` : undefined)
}
