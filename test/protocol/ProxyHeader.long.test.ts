/** ProxyHeader.test.ts, with more examples. */
import "./ProxyHeader.test.js"
