// The worker that all tabs share.
import { join } from "./stream.js";

self.onconnect = (ev) => join(ev.ports[0]);
