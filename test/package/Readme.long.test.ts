/** The programs in the pages behind the README, run as shown. */
import { doWhatIsShown } from "./pages.js"

doWhatIsShown(({ file }) => file !== "README.md")
