"""KServe's unmodified clients, REST and gRPC; what they read as JSON: kserve_client.py HTTP_PORT GRPC_PORT GAINS.npy"""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig

http_port, grpc_port, path = sys.argv[1:]
gain_db = np.load(path)


def request(**parameters):
    tensor = InferInput("gain_db", list(gain_db.shape), "FP32")
    tensor.set_data_from_numpy(gain_db, binary_data=True)
    return InferRequest("gfm-ra", [tensor], parameters=parameters)


async def ask():
    base = f"http://127.0.0.1:{http_port}"
    rest = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await rest.is_server_live(base)
    assert await rest.is_server_ready(base)
    assert await rest.is_model_ready(base, "gfm-ra")
    answer = await rest.infer(base, request(goal="qos"), model_name="gfm-ra")
    calls = InferenceGRPCClient(f"127.0.0.1:{grpc_port}")
    assert await calls.is_server_ready()
    other = await calls.infer(request(goal="qos"))
    return {
        "rest": answer.outputs[0].as_numpy().tolist(),
        "grpc": other.outputs[0].as_numpy().tolist(),
    }


sys.stdout.write(json.dumps(asyncio.run(ask())) + "\n")
