/** Disconnect.test.ts, with every kind of app. */
import "./Disconnect.test.js"
