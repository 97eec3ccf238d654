"""Triton's unmodified clients, http and grpc; what they read as JSON: triton.py HTTP_PORT GRPC_PORT GAINS.npy"""

import json
import queue
import sys
from functools import partial

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException


def keep(answered, result, error):
    answered.put((result, error))


http_port, grpc_port, path = sys.argv[1:]
gain_db = np.load(path)
found = {}
for name, module, port in (("http", tritonclient.http, http_port), ("grpc", tritonclient.grpc, grpc_port)):
    client = module.InferenceServerClient(f"127.0.0.1:{port}")
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("gfm-ra")
    assert not client.is_model_ready("nobody")
    server, model = client.get_server_metadata(), client.get_model_metadata("gfm-ra")
    about = server["name"] if name == "http" else server.name
    inputs = [
        each["name"] if name == "http" else each.name
        for each in (model["inputs"] if name == "http" else model.inputs)
    ]
    tensor = module.InferInput("gain_db", gain_db.shape, "FP32")
    tensor.set_data_from_numpy(gain_db)
    hidden = np.zeros(gain_db.shape, bool)
    hidden[:, 0, 1] = True
    mask = module.InferInput("hidden", hidden.shape, "BOOL")
    mask.set_data_from_numpy(hidden)
    weights = module.InferInput("weights", gain_db.shape[:2], "FP32")
    weights.set_data_from_numpy(
        np.ones(gain_db.shape[:2], np.float32) * np.arange(1, gain_db.shape[1] + 1, dtype=np.float32)
    )
    power = module.InferRequestedOutput("power")
    answers = {
        "plain": client.infer("gfm-ra", [tensor]),
        "asked": client.infer(
            "gfm-ra", [tensor], outputs=[power], request_id="7", parameters={"goal": "qos", "min_rate": 0.4}
        ),
        "version": client.infer(
            "gfm-ra", [tensor], model_version="3", parameters={"effort": "best", "seed": 5}
        ),
        "hidden": client.infer("gfm-ra", [tensor, mask], parameters={"effort": "fast"}),
        "weighted": client.infer("gfm-ra", [tensor, weights]),
    }
    if name == "http":
        tensor.set_data_from_numpy(gain_db, binary_data=False)
        answers["json"] = client.infer(
            "gfm-ra", [tensor], outputs=[module.InferRequestedOutput("power", binary_data=False)]
        )
    if name == "http":
        answers["asynchronous"] = client.async_infer("gfm-ra", [tensor]).get_result()
    else:
        answered = queue.Queue()
        client.async_infer("gfm-ra", [tensor], partial(keep, answered))
        answers["asynchronous"], error = answered.get(timeout=60)
        assert error is None
    try:
        client.infer("gfm-ra", [tensor], parameters={"goal": "speed"})
        refused = ""
    except InferenceServerException as error:
        refused = str(error)
    found[name] = {
        "about": about,
        "inputs": inputs,
        "refused": refused,
        "power": {key: answer.as_numpy("power").tolist() for key, answer in answers.items()},
    }
sys.stdout.write(json.dumps(found) + "\n")
