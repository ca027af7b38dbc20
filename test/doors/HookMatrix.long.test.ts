/** HookMatrix.test.ts, at every door and over TCP and TLS. */
import "./HookMatrix.test.js"
