/** The intended differences from NodeHttpServer. Everything that no decision covers must be the same. */
import type { Observation } from "./answers.js"
import type { Difference } from "./differential.js"

export interface Decision {
  readonly what: string
  readonly why: string
  /** Whether every exchange may show it. Otherwise the exchanges that do name it. */
  readonly everywhere?: boolean | undefined
  readonly covers: (
    difference: Difference,
    all: { readonly node: Observation; readonly tsgi: Observation }
  ) => boolean
}

/** Whether this entry says how a span, a scope or a handler has ended. */
const isExit = (entry: string): boolean => /^(scope exit|native span|middleware sees|span \d+ end)( #\d+)?$/.test(entry)

const table = {
  keepAliveIsSilent: {
    what: "`Connection: keep-alive` and `Keep-Alive: timeout=5` are not sent to HTTP/1.1 clients",
    why: "connections persist without them (RFC 9112, 9.3), and they cost 45 bytes of every response",
    everywhere: true,
    covers: ({ entry, node, tsgi }) =>
      tsgi === undefined &&
      ((entry === "header connection" && node === "keep-alive") ||
        (entry === "header keep-alive" && node === "timeout=5"))
  },
  scopeExitIsTheFailure: {
    what: "the exit of a request's scope is what the handler failed with; NodeHttpServer's has the response behind it",
    why: "finalizers want to know what happened; the response is the platform's way to tell its own tracer",
    everywhere: true,
    covers: ({ entry, node, tsgi }) =>
      entry === "scope exit" && node !== undefined &&
      node.replace(/ then die\(response \d+\)$/, "") === tsgi
  },
  scopeExitBehindMiddleware: {
    what:
      "the exit of a request's scope is the same with middleware; NodeHttpServer's is then always a success with nothing",
    why: "finalizers want to know what happened, whatever is around the app",
    everywhere: true,
    covers: ({ entry, node, tsgi }, { tsgi: { status } }) =>
      entry === "scope exit" && node === "success" &&
      (status === undefined || Number(status) >= 400) && /^(fail|die|interrupt)/.test(tsgi ?? "")
  },
  scopesAlwaysClose: {
    what:
      "a request's scope closes, and its span ends, although the response could not be sent; NodeHttpServer waits forever",
    why: "promise 1: closing is what a scope is for",
    covers: ({ entry, node, tsgi }) =>
      (isExit(entry) || /^(native span|span \d+) /.test(entry)) &&
      (node === undefined || /^(never|Started)$/.test(node) || tsgi?.startsWith(node) === true)
  },
  failuresAreLogged: {
    what:
      "where no middleware was given, a line of the log says what an app has failed with; NodeHttpServer says nothing",
    why: "a 500 that nobody can explain is the first thing a newcomer meets",
    everywhere: true,
    covers: ({ entry, node, tsgi }) =>
      entry === "log" && node === undefined && tsgi?.startsWith("ERROR the application failed") === true
  },
  absoluteTargetSaysTheHost: {
    what: "beside an absolute target, Host is the target's; NodeHttpServer has the client's",
    why: "RFC 9112, 3.2.2: nobody is to believe the other",
    everywhere: true,
    covers: ({ entry, node, tsgi }) => entry.endsWith("header.host") && node === "example.test" && tsgi === "a.test"
  },
  twoSlashesAreNoHost: {
    what: "the `url` of a target that begins with two slashes has scheme and host before it, and the span its URL",
    why: "`toURL` would take what follows the slashes for the host, which a client may choose",
    covers: ({ entry, node, tsgi }) =>
      tsgi?.replaceAll("http://example.test//", "//") === node ||
      (/header[. ]content-length$/.test(entry) && Number(tsgi) - Number(node) === "http://example.test".length) ||
      (/ url\.(?:full|path|scheme)$/.test(entry) && node === undefined) ||
      (/^span \d+ attribute names$/.test(entry) && tsgi?.replace(" url.full url.path url.scheme", "") === node)
  },
  tooLargeIsAnswered: {
    what:
      "a body longer than MaxBodySize is answered 413, and the client can read that; NodeHttpServer drops the connection, " +
      "and has 400 in its spans",
    why: "RFC 9110, 15.5.14: an uploading client should learn what is wrong",
    covers: ({ entry, node, tsgi }, all) =>
      all.node.end === "cut" && all.tsgi.end === "complete" &&
      (/^(end|body|status|reason|header .*)$/.test(entry) ||
        (entry.endsWith("http.response.status_code") && node === "400" && tsgi === "413") ||
        (isExit(entry) && node?.startsWith("fail(RequestError: Decode error (POST") === true &&
          tsgi?.startsWith("fail(RequestError: Decode: TooLarge") === true))
  },
  bodiesAreBounded: {
    what:
      "`text`, `json` and the like read no more than 10 MiB where no MaxBodySize is set; NodeHttpServer means to do so, " +
      "but forgets the limit",
    why: "promise 6: memory per connection is bounded",
    covers: (_, { node, tsgi }) => node.status === "200" && tsgi.status === "413"
  },
  leftoverEndsConnection: {
    what: "an answer that leaves more than 256 KiB of body unread ends the connection; NodeHttpServer reads on",
    why: "reading what nobody wants, to any length, to save a handshake is a gift to attackers",
    covers: ({ entry, node, tsgi }) => entry === "header connection" && node === "keep-alive" && tsgi === "close"
  },
  continueIsLazy: {
    what:
      "100 is sent by the first read of the body: not at all by a handler that reads none, and the connection then ends",
    why: "promise 2; node:http sends it before the app is asked",
    covers: ({ entry, node, tsgi }) =>
      (entry.startsWith("interim 0 ") && tsgi === undefined) ||
      (entry === "header connection" && node === "keep-alive" && tsgi === "close")
  },
  formMistakesAreTheClients: {
    what:
      "a form that is malformed is answered 400, one that passes a limit 413, and the error says which; NodeHttpServer " +
      "answers 500",
    why: "it is the client's doing (RFC 9110, 15.5); Effect 4 answers so as well",
    everywhere: true,
    covers: ({ entry, node, tsgi }, all) =>
      all.node.status === "500" && /^(400|413)$/.test(all.tsgi.status ?? "") && (
        ((node ?? "").includes("MultipartError") && (tsgi ?? "").includes("MultipartError")) ||
        (/(^status|status_code|reason)$/.test(entry) && /^(500|Internal Server Error)$/.test(node ?? "") &&
          /^(400|413|Bad Request|Content Too Large)$/.test(tsgi ?? ""))
      )
  },
  fileOptionsAreSent: {
    what: "the `contentType` that is given for a file is sent; NodeHttpServer drops it",
    why: "it is there to be sent",
    everywhere: true,
    covers: ({ entry, node, tsgi }) =>
      entry.endsWith("content-type") && node === "application/octet-stream" && tsgi === "text/plain"
  },
  formLimitsAreTold: {
    what: "a part that is too large fails the form with a MultipartError; NodeHttpServer gives the form without it",
    why: "the platform's other servers do so; a form that silently lacks a field is worse than none",
    covers: (_, { node, tsgi }) => node.status === "200" && node.body === "{}" && tsgi.status === "413"
  },
  inspectionReadsNothing: {
    what: "a request that is logged or inspected shows no body; NodeHttpServer's shows it when it was read before",
    why: "to look at a request should read nothing, send no 100, and put no passwords into logs",
    covers: ({ entry, node }, all) =>
      all.node.body.includes("\"body\":") && !all.tsgi.body.includes("\"body\":") &&
      (entry === "body" || entry.endsWith("content-length") || node === all.node.body)
  },
  leavingIsTold: {
    what: "the scope of a request whose client has left says so, and so does its span; NodeHttpServer's say success",
    why: "promise 4",
    covers: ({ entry, tsgi }, all) =>
      all.tsgi.end === "left" &&
      (tsgi?.includes("interrupt(client)") === true || tsgi === "499" || entry.endsWith("attribute names") ||
        (entry.includes(" http.response.header.") && tsgi === undefined))
  },
  cutNotEnded: {
    what: "a body that fails is cut, so that the client can tell, or answered 500 while nothing has left; " +
      "NodeHttpServer ends it as if it were whole, or leaves it open",
    why: "a truncated answer must not look complete (RFC 9112, 8)",
    covers: (_, { node, tsgi }) => node.status === "200" && (tsgi.end === "cut" || tsgi.status === "500")
  },
  deflateIsOffered: {
    what: "permessage-deflate is spoken, without context takeover; NodeHttpServer does not offer it",
    why: "the specification of this server; what one connection may hold stays bounded",
    covers: ({ entry, node, tsgi }) => entry === "extensions" && node === "" && tsgi === "permessage-deflate"
  },
  messagesAreBounded: {
    what: "a WebSocket message longer than 16 MiB, or what is set, closes with 1009; NodeHttpServer takes 100 MiB",
    why: "promise 6: memory per connection is bounded",
    covers: (_, { tsgi }) => tsgi.end.startsWith("1009")
  },
  connectionsAreBounded: {
    what:
      "65536 connections, or what is set, are served at a time, and further ones wait; NodeHttpServer takes any number",
    why: "promise 6; the default is beyond what WebSockets and event streams of one process come to",
    covers: ({ entry, node, tsgi }, all) =>
      (entry === "meanwhile" && node === "is answered" && tsgi === "waits") ||
      // this is that it waits, and what happened to the handlers for which it waited
      (entry.startsWith("log") && node === undefined && all.tsgi.meanwhile === "waits")
  },
  middlewareIsAppliedOnce: {
    what:
      "middleware is applied to the app once; NodeHttpServer applies it again for upgrades, so its state, such as the " +
      "logger's count of requests, is there twice",
    why: "an app is one app; whoever counts or limits in middleware means all requests",
    everywhere: true,
    covers: ({ entry, node, tsgi }) =>
      entry.startsWith("log") && node?.replace(/ http\.span\.\d+/, "") === tsgi?.replace(/ http\.span\.\d+/, "")
  },
  knownLength: {
    what: "`Content-Length`, 0 included, for every body that is known before it is sent; node:http sends it in chunks",
    why: "a length is shorter, lets clients show progress, and keeps HTTP/1.0 connections alive",
    everywhere: true,
    covers: ({ entry, node, tsgi }, all) =>
      (entry === "header content-length" && node === undefined && tsgi === String(all.tsgi.body.length)) ||
      (entry === "header transfer-encoding" && node === "chunked" && tsgi === undefined &&
        all.tsgi["header content-length"] === String(all.tsgi.body.length))
  },
  plainAddresses: {
    what: "the address of an IPv4 client of an IPv6 socket is told as IPv4: 127.0.0.1, not ::ffff:127.0.0.1",
    why: "it is the same client as on an IPv4 socket; allow lists and logs should not need to know both forms",
    everywhere: true,
    covers: ({ node, tsgi }) => node !== undefined && node.replaceAll("::ffff:127.0.0.1", "127.0.0.1") === tsgi
  },
  noLengthWithoutBody: {
    what: "a 204 has no `Content-Length`",
    why: "RFC 9110, 8.6 forbids it",
    covers: ({ entry, tsgi }, all) =>
      entry === "header content-length" && tsgi === undefined && all.tsgi.status === "204"
  },
  excessIsCut: {
    what: "a body longer than its Content-Length is cut there, logged, and ends the connection; node:http sends it all",
    why: "the client would take the excess for the beginning of the next response",
    covers: ({ entry, node, tsgi }) =>
      entry === "log" && node === undefined && tsgi?.includes("the body was cut at its Content-Length") === true
  },
  phraseOfTheAnswer: {
    what:
      "the 500 for a head that cannot be sent says Internal Server Error; NodeHttpServer keeps the phrase of the head",
    why: "the phrase belongs to the status that is sent",
    covers: ({ entry, node, tsgi }) => entry === "reason" && node === "OK" && tsgi === "Internal Server Error"
  },
  faultsInOurWords: {
    what: "a head that cannot be sent dies with a ResponseError that names the field; node:http throws a TypeError",
    why: "it is our encoder that refuses it, and its errors are typed",
    covers: ({ entry, node, tsgi }) =>
      isExit(entry) && /^die\((Type|Range)Error: /.test(node ?? "") && /^die\(ResponseError: Invalid/.test(tsgi ?? "")
  },
  rawBodiesOfTheWeb: {
    what:
      "beside text, bytes and all that can be piped, a raw body may be a Blob, FormData, URLSearchParams, an ArrayBuffer, a " +
      "web stream or an async iterable; another object is answered 500. NodeHttpServer gives no answer at all",
    why: "the platform's other servers take them; a client should never wait for nothing",
    covers: (_, { node, tsgi }) => node.end === "cut" && node.status === undefined && tsgi.end === "complete"
  },
  headIsLikeGet: {
    what:
      "HEAD has the fields, and the failures, that GET would have: the type of a form and its boundary, 500 for an impossible raw body",
    why: "RFC 9110, 9.3.2",
    covers: ({ entry, tsgi }, all) =>
      (entry === "header content-type" && tsgi?.startsWith("multipart/") === true) ||
      (all.node.status === "200" && all.tsgi.status === "500")
  },
  statusTextIsSent: {
    what: "`statusText` becomes the reason phrase; NodeHttpServer drops it",
    why: "it is there to be sent",
    covers: ({ entry }) => entry === "reason"
  },
  nobodySaysTheScheme: {
    what:
      "X-Forwarded-Proto is no fact, so a URL and a span say the connection's scheme, and it is not in the headers; with " +
      "NodeHttpServer anybody can say https",
    why: "cookies, redirects and checks of the origin hang on it; the option `forwarded` says who is believed",
    covers: ({ entry, node, tsgi }, all) => {
      const claim = "http.request.header.x-forwarded-proto"
      const told = (text = ""): string =>
        text.replace("https://", "http://").replace(`"${claim}",`, "").replace(`${claim} `, "")
      return (entry.endsWith(claim) && tsgi === undefined) || (entry.endsWith("url.scheme") && tsgi === "http") ||
        (entry.endsWith("content-length") && all.node.body !== all.tsgi.body) || told(node) === tsgi
    }
  },
  nobodySaysTheAddress: {
    what:
      "X-Forwarded-For and -Host are no facts: `HttpMiddleware.xForwardedHeaders` changes neither address nor host, which a " +
      "line of the log says once; with NodeHttpServer anybody can say both",
    why: "limits, logs and links hang on them; the option `forwarded` says who is believed",
    covers: ({ entry, node, tsgi }, all) =>
      (entry === "log" && node === undefined && tsgi?.includes("xForwardedHeaders has no effect") === true) ||
      (entry.endsWith("content-length") && all.node.body !== all.tsgi.body) ||
      node?.replaceAll("10.1.2.3", "127.0.0.1").replaceAll("public.test", "example.test") === tsgi
  },
  currentPhrases: {
    what: "413 is Content Too Large and 422 Unprocessable Content; node:http has their names of RFC 2616",
    why: "RFC 9110 names them so; no client may act on a reason phrase",
    everywhere: true,
    covers: ({ entry, node, tsgi }) =>
      entry === "reason" && (
        (node === "Payload Too Large" && tsgi === "Content Too Large") ||
        (node === "Unprocessable Entity" && tsgi === "Unprocessable Content") ||
        (node === "unknown" && tsgi === "Unknown")
      )
  }
} satisfies Record<string, Decision>

export type DecisionName = keyof typeof table

export const decisions: Readonly<Record<DecisionName, Decision>> = table
