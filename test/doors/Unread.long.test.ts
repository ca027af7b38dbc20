/** Unread.test.ts, at every door. */
import "./Unread.test.js"
