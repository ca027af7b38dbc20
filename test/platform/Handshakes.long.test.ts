/** Handshakes.test.ts, with every kind of app. */
import "./Handshakes.test.js"
