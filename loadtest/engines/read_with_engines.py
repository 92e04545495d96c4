"""
Has every engine's own loader read the files that `convert` writes, and `convert` read what SGLang's recorder writes.
Runs on a CPU; the packages are those of PyPI, of which single modules run as they are, and the rest is mocked.

    python3 -m venv engines && engines/bin/pip install torch numpy PyYAML pydantic einops
    for p in sglang==0.5.23 vllm==0.33.0 vllm-ascend==0.23.0; do
      engines/bin/pip download --no-deps -d engines/wheels $p; done
    for w in engines/wheels/*.whl; do n=$(basename $w | cut -d- -f1); mkdir -p engines/src/$n
      (cd engines/src/$n && unzip -q ../../../$w '*.py' '*.dist-info/*'); done
    engines/bin/python loadtest/engines/read_with_engines.py engines/src [tensorrt_llm/llmapi/llm_args.py]

PyPI has no built package of TensorRT-LLM: give the file of a checkout, or its check is left out, and said to be.
Exits 1 where a loader refuses a file or makes something else of it.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import yaml

import other_files
import sglang_files
from mocked_packages import mock_all_but

REPOSITORY = Path(__file__).resolve().parents[2]
NODE = REPOSITORY / "node_modules/.bin/node"
RANKS, NODES, PER_GPU = 32, 4, 9
EXPERTS, LAYERS = 256, 61
MOE = list(range(3, LAYERS))
POOL = ["--nodes", str(NODES), "--gpus-per-node", str(RANKS // NODES), "--slots-per-gpu", str(PER_GPU)]


def plimsoll(*arguments: object) -> None:
    subprocess.run([NODE, REPOSITORY / "src/main.ts", *map(str, arguments)], check=True, capture_output=True, text=True)


def convert(origin: str, to: str, source: Path, target: Path, *more: object) -> Path:
    plimsoll("convert", "--from", origin, "--to", to, "--in", source, "--out", target, *more)
    return target


def v3_load(folder: Path) -> Path:
    """Skewed counts of DeepSeek-V3's layers, the dense ones zero, as SGLang has them."""
    torch.manual_seed(1)
    counts = (torch.rand(LAYERS, EXPERTS) ** 4 * 10_000).int()
    counts[: MOE[0]] = 0
    path = folder / "load.json"
    path.write_text(json.dumps({"logical_count": counts.tolist()}))
    return path


def check(what: str, holds: bool) -> None:
    print(f"{'ok ' if holds else 'NOT'}  {what}")
    FAULTS.extend([] if holds else [what])


FAULTS: list[str] = []


def holds_every_expert(slots_of, row) -> bool:
    """Whether every expert's slots, as the engine has them, are those that hold it."""
    return all(
        sorted(slots_of(expert)) == [slot for slot, held in enumerate(row) if held == expert]
        for expert in range(max(row) + 1)
    )


def check_sglang(placement: Path, load: Path, folder: Path, said: str) -> None:
    file = convert("plimsoll", "sglang", placement, folder / f"{said}.sglang.json")
    metadata = sglang_files.read_location(file, LAYERS, EXPERTS, RANKS * PER_GPU, RANKS)
    rows = filled_rows(placement, metadata.physical_to_logical_map.tolist()[MOE[0] :])
    check(f"SGLang reads {said}: {metadata.num_layers} layers, the placement's from {MOE[0]} on", rows)
    # On rank 0 an expert that the rank holds is taken there; without an all-to-all every slot is a candidate.
    sglang_files.MOE.moe_a2a_backend = "none"
    metadata = sglang_files.read_location(file, LAYERS, EXPERTS, RANKS * PER_GPU, RANKS)
    sglang_files.MOE.moe_a2a_backend = "deepep"
    maps = metadata.physical_to_logical_map.tolist()
    sound = all(
        holds_every_expert(lambda e, layer=layer: metadata.logical_to_all_physical(layer, e), maps[layer])
        for layer in range(LAYERS)
    )
    check(f"SGLang finds every expert's slots in {said}, dense layers' too", sound)


def filled_rows(placement: Path, rows: list[list[int]]) -> bool:
    """Whether rows are the placement's, but for slots that it leaves empty."""
    own = json.loads(placement.read_text())["physical_to_logical_map"]
    return len(own) == len(rows) and all(
        mine in (-1, theirs) for a, b in zip(own, rows) for mine, theirs in zip(a, b, strict=True)
    )


def check_sglang_load(load: Path, folder: Path) -> None:
    eplb = convert("sglang", "eplb", load, folder / "load.eplb.json", "--model", "deepseek-v3")
    again = convert("eplb", "sglang", eplb, folder / "load.sglang.json", "--model", "deepseek-v3")
    metadata = sglang_files.read_location(again, LAYERS, EXPERTS, RANKS * PER_GPU, RANKS)
    check(f"SGLang places by itself from a load: {metadata.num_layers} layers", metadata.num_layers == LAYERS)


def check_rank_table(placement: Path, folder: Path) -> None:
    table = json.loads(convert("plimsoll", "sglang-rank-table", placement, folder / "table.json").read_text())
    file = convert("plimsoll", "sglang", placement, folder / "table.sglang.json")
    metadata = sglang_files.read_location(file, LAYERS, EXPERTS, RANKS * PER_GPU, RANKS)
    own = metadata.logical_to_rank_dispatch_physical_map
    table = torch.tensor(table)
    held = torch.gather(metadata.physical_to_logical_map.expand(RANKS, -1, -1), 2, table)
    right = table.shape == (RANKS, *own.shape) and bool((held == torch.arange(EXPERTS)).all())
    check(f"SGLang's map holds every expert where the rank table says, shape {tuple(table.shape)}", right)


def check_tensorrt_llm(placement: Path, folder: Path, said: str, layers: list[int], source: Path | None) -> None:
    file = convert("plimsoll", "tensorrt-llm", placement, folder / f"{said}.yaml")
    if source is None:
        print(f"--   TensorRT-LLM is not at hand: {said} is not checked")
        return
    config = other_files.tensorrt_llm_config(source)(**yaml.safe_load(file.read_text()))
    config.setup(ep_rank=0, ep_size=config.num_slots // PER_GPU)
    rows = [config.get_layer_initial_global_assignments(layer) for layer in layers]
    valid = all(expert >= 0 for row in rows for expert in row)
    check(f"TensorRT-LLM reads {said}: layers {layers[0]} to {layers[-1]}", valid and filled_rows(placement, rows))


def check_vllm_ascend(placement: Path, folder: Path, said: str, shared: int = 0) -> None:
    flags = ["--shared-experts", shared] if shared > 0 else []
    file = convert("plimsoll", "vllm-ascend", placement, folder / f"{said}.ascend.json", *flags)
    own = json.loads(placement.read_text())["physical_to_logical_map"]
    devices = [layer["device_list"] for layer in json.loads(file.read_text())["layer_list"]]
    width = PER_GPU + (1 if shared > 0 else 0)
    sound = filled_rows(placement, [sum((d["device_expert"][:PER_GPU] for d in row), []) for row in devices])
    for row in (0, len(own) - 1):
        held = [expert for device in devices[row] for expert in device["device_expert"]]
        for rank in range(RANKS):
            local, slots, redundant = other_files.ascend_maps(file, row, EXPERTS, RANKS, rank, shared)
            mine = held[rank * width : (rank + 1) * width]
            sound &= redundant == RANKS * width - EXPERTS - shared and int((local >= 0).sum()) == width
            sound &= all(mine[int(local[expert])] == expert for expert in mine)
            sound &= all(held[int(slot)] == expert for expert, slot in enumerate(slots))
    check(f"vllm-ascend's ranks find every expert in {said}{', shared ones too' if shared else ''}", sound)


def check_vllm(placement: Path) -> None:
    rows = json.loads(placement.read_text())["physical_to_logical_map"]
    slots, counts = other_files.vllm_maps(torch.tensor(rows), EXPERTS)
    sound = all(
        holds_every_expert(lambda e, row=row: slots[row, e, : counts[row, e]].tolist(), rows[row])
        for row in range(len(rows))
    )
    check("vLLM derives the same slots from the map", sound)


def check_recorder(folder: Path) -> None:
    ranks, slots, experts = 2, 8, 6
    row = torch.tensor([0, 1, 2, 3, 4, 5, 0, 3])
    physical_map = torch.stack([row, row, row.flip(0)])
    draw = torch.Generator().manual_seed(2)
    drawn: dict[tuple[int, int, int], torch.Tensor] = {}

    def selected(rank, step, layer):
        if layer == 0:
            return None
        key = (rank, step, layer)
        if key not in drawn:
            drawn[key] = torch.rand(5, slots, generator=draw).argsort(dim=1)[:, :3].int()
        return drawn[key]

    modes = [("stat", "normal"), ("stat", "low_latency"), ("stat_approx", "normal")]
    modes += [("per_pass", "normal"), ("per_pass", "low_latency"), ("per_token", "normal")]
    for mode, dispatch in modes:
        target = folder / f"{mode}-{dispatch}"
        target.mkdir()
        sglang_files.record(mode, dispatch, ranks, physical_map, selected, target)
        counts = torch.zeros(3, experts)
        for (_, _, layer), ids in drawn.items():
            counts[layer] += torch.bincount(physical_map[layer][ids.flatten().long()], minlength=experts)
        read = json.loads(convert("sglang-recorder", "eplb", target, folder / f"{mode}.json").read_text())
        rows = read["load_history"][0]["logical_expert_load"]
        check(f"convert sums what SGLang's recorder wrote: {mode}, DeepEP {dispatch}", rows == counts.tolist())


def main(unpacked: Path, tensorrt_llm: Path | None) -> int:
    packages = {name: unpacked / name for name in ("sglang", "vllm", "vllm_ascend")}
    mock_all_but(packages, sglang_files.REAL | other_files.REAL)
    versions = [("SGLang", "sglang"), ("vLLM", "vllm"), ("vllm-ascend", "vllm_ascend")]
    print(", ".join(f"{said} {other_files.version(packages[name], name)}" for said, name in versions))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        load = v3_load(folder)
        full, holed, odd = folder / "full.json", folder / "holed.json", folder / "odd.json"
        plimsoll("place", "--load", load, *POOL, "--out", full)
        fewer = ",".join(str(PER_GPU - (gpu % 4 == 0)) for gpu in range(RANKS))
        plimsoll("place", "--load", load, *POOL, "--gpu-slots", fewer, "--out", holed)
        for placement, said in ((full, "a placement"), (holed, "one with empty slots")):
            check_sglang(placement, load, folder, said)
            check_tensorrt_llm(placement, folder, said, MOE, tensorrt_llm)
            check_vllm_ascend(placement, folder, said)
        check_vllm_ascend(full, folder, "a placement", shared=1)
        check_vllm(full)
        check_sglang_load(load, folder)
        check_rank_table(full, folder)
        layers = [1, 3, 5]
        few = folder / "few.json"
        few.write_text(json.dumps({"moe_layers": layers, "logical_count": [[9, 1, 1, 5, 2, 2, 3, 4]] * 3}))
        plimsoll("place", "--load", few, "--nodes", 1, "--gpus-per-node", 2, "--slots-per-gpu", PER_GPU, "--out", odd)
        check_tensorrt_llm(odd, folder, "layers 1, 3 and 5", layers, tensorrt_llm)
        check_recorder(folder)
    return 1 if FAULTS else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None))
