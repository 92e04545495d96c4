"""Beside FastDeploy: reports its expert loads to Plimsoll, and has it rearrange its experts by them.

    python -m plimsoll_eplb.fastdeploy --pool chat --dense-layers 3 http://10.0.0.1:8000 http://10.0.0.2:8000

The URLs are those of all expert-parallel ranks that answer for one. FastDeploy takes a load, not a placement
(`/rearrange_experts`), and places by its own algorithm. FASTDEPLOY_USER and FASTDEPLOY_PASSWD are its
`redundant_expert_api_user` and `…_password`; PLIMSOLL_URL and PLIMSOLL_KEY as in solve.py.
"""

import argparse
import json
import os
import sys
import time
import urllib.request

_WITHIN_S = 30


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="plimsoll_eplb.fastdeploy")
    parser.add_argument("urls", nargs="+", metavar="URL")
    parser.add_argument("--pool", required=True, help="its name in the gateway's configuration")
    parser.add_argument("--dense-layers", type=int, default=0, help="leading layers without experts")
    parser.add_argument("--window", type=float, default=10, metavar="SECONDS", help="loads are reported so often")
    parser.add_argument(
        "--rearrange-every", type=int, default=0, metavar="WINDOWS", help="rearrange by the load of so many; 0: never"
    )
    parser.add_argument("--windows", type=int, default=0, help="stop after so many; 0: go on")
    options = parser.parse_args(arguments)
    if not os.environ.get("PLIMSOLL_URL"):
        parser.error("PLIMSOLL_URL is not set; it names the gateway")
    collected = []
    try:
        _stats(options.urls)
    except (OSError, ValueError, KeyError) as fault:
        parser.exit(1, f"plimsoll: no loads from FastDeploy: {type(fault).__name__}: {fault}\n")
    began = time.monotonic()
    windows = 0
    while options.windows == 0 or windows < options.windows:
        time.sleep(options.window)
        try:
            load, now = _stats(options.urls), time.monotonic()
            window_ms, began = 1000 * (now - began), now
            windows += 1
            collected = [*collected, load][-max(1, options.rearrange_every) :]
            _tell(options.pool, window_ms, load[options.dense_layers :])
            if options.rearrange_every == len(collected):
                rearrange(options.urls, _sum(collected))
                collected = []
        except (OSError, ValueError, KeyError) as fault:
            print(f"plimsoll: {type(fault).__name__}: {fault}", file=sys.stderr)


def rearrange(urls, load):
    """Every rank loads what it is to hold by its own algorithm for this load, `[layers][experts]`; then all switch to it."""
    for url in urls:
        _ask(url, "rearrange_experts", action="recv_expert_weight", data=[[int(n) for n in row] for row in load])
    until = time.monotonic() + 10 * _WITHIN_S
    waiting = list(urls)
    while waiting:
        if time.monotonic() > until:
            raise TimeoutError(f"{waiting[0]} has not loaded its experts")
        time.sleep(0.2)
        waiting = [url for url in waiting if _ask(url, "check_redundant")["status"] != "LOAD_SUCC"]
    for url in urls:
        _ask(url, "rearrange_experts", action="update_weight_from_tensor")


def _stats(urls):
    """`[layers][experts]`: tokens since the last call, over all ranks."""
    answers = [_ask(url, "get_per_expert_tokens_stats", clear_stat=True)["data"] for url in urls]
    return _sum([ranks for answer in answers for ranks in answer])


def _sum(loads):
    return [[sum(counts) for counts in zip(*rows)] for rows in zip(*loads)]


def _tell(pool, window_ms, load):
    key = os.environ.get("PLIMSOLL_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    body = {"pool": pool, "windowMs": window_ms, "logical_count": load}
    _post(f"{os.environ['PLIMSOLL_URL'].rstrip('/')}/ep/v1/load", body, headers)


def _ask(url, route, **question):
    who = {"user": os.environ.get("FASTDEPLOY_USER", ""), "passwd": os.environ.get("FASTDEPLOY_PASSWD", "")}
    answer = _post(f"{url.rstrip('/')}/{route}", {**who, **question}, {})
    if answer.get("code") != 0:
        raise ValueError(f"{url} answered {route}: {answer.get('msg')}")
    return answer


def _post(url, body, headers):
    data = json.dumps(body, separators=(",", ":")).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=_WITHIN_S) as response:
        return json.loads(response.read() or b"{}")


if __name__ == "__main__":
    main()
