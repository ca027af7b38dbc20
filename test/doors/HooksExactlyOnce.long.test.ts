/** HooksExactlyOnce.test.ts, with more examples. */
import "./HooksExactlyOnce.test.js"
