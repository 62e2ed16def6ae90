"""The least it takes: the same calls in a bare aiohttp loop that keeps nothing."""

import asyncio
import json
import time

import aiohttp
import uvloop

from bench.servers import Load

MESSAGES = [{"role": "user", "content": "How many Ds are in DEEPSEEK?"}]


def bare_loop(load: Load, model_url: str) -> tuple[float, float]:
    """Seconds it took, and CPU milliseconds per answer. It runs on uvloop, as the server does."""
    started, cpu_s = time.perf_counter(), time.process_time()
    uvloop.run(_calls(load, f"{model_url}/v1/chat/completions"))
    cpu_s = time.process_time() - cpu_s
    return time.perf_counter() - started, 1000 * cpu_s / load.answers


async def _calls(load: Load, url: str) -> None:
    left = iter(range(load.answers))
    body = {"model": load.model, "messages": MESSAGES, "stream": True}

    async def work(session: aiohttp.ClientSession) -> None:
        for _ in left:
            text = ""
            async with session.post(url, json=body) as response:
                async for line in response.content:
                    if line.startswith(b"data: {"):
                        for choice in json.loads(line[6:])["choices"]:
                            text += choice["delta"].get("content", "")
            assert text

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(work(session) for _ in range(load.in_flight)))
