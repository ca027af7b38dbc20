/** SocketScope.test.ts, with more examples. */
import "./SocketScope.test.js"
