"""
Has the own code of `vllm bench serve` work out the figures of runs of `replay` from what was recorded of each request, and
draw arrivals at the same rate and burstiness, and compares both with what `replay` says. Also has `vllm bench sweep plot`
draw a load curve. Exits 1 where something is another.

    python3 -m venv engines && engines/bin/pip install numpy tqdm aiohttp regex pandas matplotlib seaborn
    engines/bin/pip download --no-deps -d engines/wheels vllm==0.33.0
    mkdir -p engines/src && (cd engines/src && unzip -q ../wheels/vllm-*.whl 'vllm/benchmarks/*' 'vllm/utils/*')
    engines/bin/python loadtest/engines/vllm_bench_figures.py engines/src RUN...    # --out folders, of runs or curves
"""

import asyncio
import contextlib
import io
import json
import math
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from mocked_packages import mock_all_but

REAL = """
    benchmarks.serve benchmarks.lib benchmarks.lib.endpoint_request_func benchmarks.sweep benchmarks.sweep.plot
    benchmarks.sweep.utils utils.collection_utils
""".split()
mock_all_but({"vllm": Path(sys.argv[1])}, {f"vllm.{name}" for name in REAL})

import vllm.benchmarks.serve as serve  # noqa: E402
import vllm.benchmarks.sweep.plot as sweep_plot  # noqa: E402
from vllm.benchmarks.lib.endpoint_request_func import RequestFuncOutput  # noqa: E402

MEASURES = ["ttft", "tpot", "itl", "e2el"]
PERCENTS = [50, 75, 90, 95, 99, 99.9]
TOTALS = [
    "completed",
    "failed",
    "request_throughput",
    "request_goodput",
    "output_throughput",
    "total_token_throughput",
]
"""Means and deviations of `replay` are exact; its requests are written to a microsecond."""
MEAN_OFF = 1e-3
"""Its percentiles are ranks of a histogram of three digits; vLLM's lie between two ranks."""
RANK_OFF = 2e-3
DRAWS = 300


def recorded(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "requests.jsonl").read_text().splitlines() if line]


def output_of(request: dict) -> RequestFuncOutput:
    if request["error"] is not None:
        return RequestFuncOutput(success=False, error=request["error"])
    return RequestFuncOutput(
        success=True,
        start_time=request["scheduled_ms"] / 1000,
        ttft=request["ttft_ms"] / 1000,
        latency=request["e2el_ms"] / 1000,
        itl=[gap / 1000 for gap in request["itl_ms"]],
        output_tokens=request["output_len"],
        prompt_len=request["input_len"],
    )


def figures_of(requests: list[dict], report: dict) -> tuple[object, list[str]]:
    """vLLM's figures of these requests, and where `replay` says others."""
    cancelled = ("cancelled", "left")
    counted = [one for one in requests if not one.get("warm_up") and one["error"] not in cancelled]
    targets = {name: ms for name, ms in (report["goodput_targets_ms"] or {}).items() if ms is not None}
    with contextlib.redirect_stdout(io.StringIO()):
        metrics, _ = serve.calculate_metrics(
            [], [output_of(one) for one in counted], report["duration"], None, PERCENTS, targets
        )
    wrong = []
    # A step of a curve counts what ended, and which tokens came, in its own time.
    totals = TOTALS if "window_seconds" not in report else TOTALS[:2]
    for key in totals:
        ours, theirs = report[key], getattr(metrics, key)
        if ours is not None and not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9):
            wrong.append(f"{key}: {ours}, and {theirs} by vLLM")
    done = [output_of(one) for one in counted if one["error"] is None]
    for measure in MEASURES:
        values = np.sort(values_of(measure, done)) * 1000
        if len(values) == 0:
            continue
        for statistic in ["mean", "std"]:
            key = f"{statistic}_{measure}_ms"
            ours, theirs = report[key], getattr(metrics, key)
            if abs(ours - theirs) > MEAN_OFF * max(abs(theirs), 1):
                wrong.append(f"{key}: {ours}, and {theirs} by vLLM")
        for percent, theirs in getattr(metrics, f"percentiles_{measure}_ms"):
            key = f"p{percent}_{measure}_ms"
            at = percent / 100 * (len(values) - 1)
            low, high = values[max(0, math.floor(at) - 1)], values[min(len(values) - 1, math.ceil(at) + 1)]
            assert low <= theirs + 1e-9 and theirs <= high + 1e-9
            if not low * (1 - RANK_OFF) <= report[key] <= high * (1 + RANK_OFF):
                wrong.append(f"{key}: {report[key]}, and {theirs} by vLLM")
    return metrics, wrong


def values_of(measure: str, outputs: list[RequestFuncOutput]) -> np.ndarray:
    if measure == "itl":
        return np.array([gap for output in outputs for gap in output.itl])
    if measure == "tpot":
        longer = [output for output in outputs if output.output_tokens > 1]
        return np.array([(one.latency - one.ttft) / (one.output_tokens - 1) for one in longer])
    return np.array([output.ttft if measure == "ttft" else output.latency for output in outputs])


def vllm_arrivals(count: int, **options) -> np.ndarray:
    """When `get_request` gives each request, on a clock that only its waits move."""
    clock = SimpleNamespace(now=0.0)

    async def sleep(seconds: float) -> None:
        clock.now += seconds

    async def drawn() -> list[float]:
        return [clock.now async for _ in serve.get_request([None] * count, **options)]

    real = serve.asyncio, serve.time
    serve.asyncio, serve.time = SimpleNamespace(sleep=sleep), SimpleNamespace(time=lambda: clock.now)
    try:
        return np.array(asyncio.run(drawn()))
    finally:
        serve.asyncio, serve.time = real


def shape_of(times: np.ndarray) -> dict[str, float]:
    """Of the gaps, in parts of their mean: vLLM stretches its arrivals to hit the rate exactly, `replay` does not."""
    gaps = np.diff(times)
    gaps = gaps / gaps.mean()
    quantiles = {f"p{percent}": float(np.percentile(gaps, percent)) for percent in (10, 50, 90)}
    return {"cv": float(gaps.std()), **quantiles}


def arrivals_of(requests: list[dict], report: dict) -> list[str]:
    rate, burstiness = report.get("request_rate"), report.get("burstiness")
    if rate is None or burstiness is None or report.get("ramp") is not None or len(requests) < 50:
        return []
    # Turns of a conversation wait for their answers.
    times = np.sort([one["scheduled_ms"] for one in requests if one.get("turn", 1) == 1]) / 1000
    options = {"request_rate": rate, "burstiness": float(burstiness)}
    ours = shape_of(times)
    drawn = [shape_of(vllm_arrivals(len(times), **options)) for _ in range(DRAWS)]
    wrong = []
    for key, value in ours.items():
        between = [one[key] for one in drawn]
        print(f"    gaps, {key}: {value:.3f}; vLLM's {DRAWS} draws {min(between):.3f} to {max(between):.3f}")
        if not min(between) - 1e-6 <= value <= max(between) + 1e-6:
            wrong.append(f"gaps between arrivals, {key}: {value:.4f}, {min(between):.4f} to {max(between):.4f} by vLLM")
    spread = 0 if math.isinf(options["burstiness"]) else 1 / math.sqrt(options["burstiness"] * len(times))
    mean = float(np.diff(times).mean()) * rate
    print(f"    gaps, mean: {mean:.3f} of 1 / rate, standard error {spread:.3f}")
    if abs(mean - 1) > 4 * spread + 1e-3:
        wrong.append(f"the mean gap is {mean:.4f} of 1 / rate")
    return wrong


def check(name: str, requests: list[dict], report: dict) -> list[str]:
    metrics, wrong = figures_of(requests, report)
    shown = ", ".join(
        f"p99 {measure} {report[f'p99_{measure}_ms']:.3f} / {dict(getattr(metrics, f'percentiles_{measure}_ms'))[99]:.3f} ms"
        for measure in MEASURES
        if report[f"p99_{measure}_ms"] is not None
    )
    print(f"{name}: {metrics.completed} completed, {metrics.failed} failed; by replay / by vLLM: {shown}")
    return [f"{name}: {line}" for line in [*wrong, *arrivals_of(requests, report)]]


def plot(folder: Path, variable: str) -> list[str]:
    none = sweep_plot.PlotFilters.parse_str(""), sweep_plot.PlotBinners.parse_str("")
    with tempfile.TemporaryDirectory() as figures, contextlib.redirect_stdout(io.StringIO()):
        sweep_plot.plot(
            folder, Path(figures), [], [], [], [],
            var_x=variable, var_y="p99_ttft_ms", filter_by=none[0], bin_by=none[1],
            scale_x=None, scale_y=None, dry_run=False,
        )  # fmt: skip
        drawn = [path.name for path in Path(figures).iterdir()]
    print(f"{folder}: vllm bench sweep plot drew {drawn}")
    return [] if drawn else [f"{folder}: vllm bench sweep plot drew nothing"]


def main() -> None:
    wrong: list[str] = []
    for folder in map(Path, sys.argv[2:]):
        report, requests = json.loads((folder / "report.json").read_text()), recorded(folder)
        if "steps" not in report:
            wrong += check(str(folder), requests, report)
            continue
        for step in report["steps"]:
            own = [one for one in requests if one["step_load"] == step["step_load"]]
            wrong += check(f"{folder} at {step['step_load']}", own, step)
        wrong += plot(folder, "request_rate" if report["sweep"] == "rate" else "max_concurrency")
    print("\n".join(wrong) or "all as vLLM has it")
    sys.exit(1 if wrong else 0)


main()
