"""What the recorders of engines' steps have in common: the requests, and the lines that are written."""

import random

PREFIX_BLOCK = 512
REQUESTS = 24


def made_up(seed: int, prompts: tuple, answers: tuple, gap: int, families: int = 0) -> list[tuple]:
    """
    (when, number, ids of the prompt's blocks, tokens of prompt and answer) of requests that arrive up to `gap` steps
    apart. The prompts of a family begin alike, in up to three blocks, and end apart.
    """
    rng = random.Random(seed)
    at, requests = 0, []
    for number in range(1, REQUESTS + 1):
        at += rng.randrange(gap + 1)
        tokens, answer = rng.randint(*prompts), rng.randint(*answers)
        family = rng.randrange(families) if families else 0
        alike = min(rng.randrange(4), (tokens - 1) // PREFIX_BLOCK) if families else 0
        own = range(alike, -(-tokens // PREFIX_BLOCK))
        ids = [100 * family + i for i in range(alike)] + [1000 * number + i for i in own]
        requests.append((at, number, ids, tokens, answer))
    return requests


def request_line(request: tuple) -> str:
    at, _, ids, tokens, answer = request
    return f"{at} | {tokens} | {answer} | {' '.join(map(str, ids))}"


def step_line(now: int, tokens: dict[int, int], preempted: list[int], used: int) -> str:
    """When; tokens of requests; who gave up its cache; pages in use after the step."""
    each = " ".join(f"{number}:{tokens[number]}" for number in sorted(tokens))
    return f"{now} | {each} | {' '.join(map(str, sorted(preempted)))} | {used}"
