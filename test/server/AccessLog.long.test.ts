/** AccessLog.test.ts, with more examples. */
import "./AccessLog.test.js"
