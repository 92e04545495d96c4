import { render } from "preact";
import { App } from "./app.tsx";
import "./style/palette.css";
import "./style/page.css";
import "./style/header.css";
import "./style/panels.css";
import "./style/charts.css";
import "./style/changes.css";
import "./style/gpus.css";
import "./style/exchange.css";
import "./style/room.css";
import "./style/history.css";
import "./style/status.css";
import "./style/simulation.css";
import "./style/engine.css";
import "./style/media.css";

render(<App />, document.getElementById("app") as HTMLElement);
