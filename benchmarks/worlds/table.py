"""All test worlds, and the digests of their networks."""

from benchmarks.worlds.families import abstract, cellular, indoor, outdoor
from benchmarks.worlds.world import World

WORLDS: dict[str, World] = {
    world.name: world for world in (*cellular.WORLDS, *indoor.WORLDS, *outdoor.WORLDS, *abstract.WORLDS)
}
"""By name."""
SHA256: dict[str, str] = {
    "umi-downlink": "a549f5bfcffb561ee36d845147d72f1c5ff5364995aa1dc49ffa6935ebf7757a",
    "umi-uplink": "46e208815994c07042a2c430e7c7b667ff136710dcdbb4e6ac1ce36587e6d37b",
    "umi-downlink-7x4": "f4713915adbd918336cb5f43f5a929bc04fc24ecf799ec4aa2ff4d6004984290",
    "uma-downlink": "576ac76ed696474fd2c83d8bc1c41f5f44807a88c8601b347048d8ece430e876",
    "uma-uplink": "bcbed4edb2224920e758f27f3f504f95ddc4287e827f3825a6516ceefdd1f642",
    "uma-uplink-7x4": "8180547326860f8961ae02e912458a2bca064d2f39278f61882119eff5f6d043",
    "uma-sectors-downlink": "7f1e1bd6b8563513a2eee38f15e952583fdbb077fd467c33792edaa636b5de1d",
    "uma-sectors-uplink": "e96e9a3576fcf8595df7708cf667a303a092ed8b1cdbb6ef44164e51de2268af",
    "two-tier": "62459accb6dd413c9086c45cd4bf04dff4cdb9fb281dc58e766ecac6d977d23e",
    "office-open-downlink": "e4beef07c984400ca65a38ff4e7a43f63b0555e9d47e9032690973eba87b3980",
    "office-mixed-uplink": "68fb9eccb91d453ac6087f35e67f37a8874bad9db13acbb81dabd8609c882937",
    "factory-uplink": "faa4a73275eecf1aa56681d223f5b40f5c14ab0368ee638652d3781223884520",
    "wifi-enterprise": "81c1d6ed5001b9505d551c7a611f062fe232ee9f54ec52913a56c0b3b5b56cd7",
    "wifi-residential": "0665433ad3fb61336bb7cd936275644a46774bf608069f77417a0fcbb208d3f0",
    "devices": "9be027fa43cdc1e540921c82dff1d19000c971d19ea9f891e59cd0d8caeb6418",
    "devices-gap": "150f58e2ec36ef45fff9b238287dfe951c53814c3fbf67562165454b5a2dee82",
    "manhattan": "cfcdf7db7a3950497e839fcfd67ad7195d44d3fc089415d4035ed5f7bfaa52e3",
    "beams": "7ff48e69d0d0c4f749aea005752493749dbfff1c0751e433cbe81b72fc6fe700",
    "D16": "08d474a2de46506aa62212f39f6b8b2f2842e48265cbf33e9465e1384818006c",
    "D17": "a3fa157dc826d67831378e7f0e386c8b32a3bca88ba7e6c1c6e3d1fbd5094a30",
    "D18": "f23eafd13de1a70021f22de68f84dd6c9bf9fb4a613a7f164175a6a116b0d1f4",
    "D19": "553d72b224e08a4e0f5becd1383c626fb9ee7ff3978f54655186960c2ddaf2c6",
    "D20": "93418aaa805c8f9d77396cc3c269bf17f775bb9ffd069cbbd00044787536615f",
    "rayleigh-20": "288b1b199db711eddf07fbbb547a362b982be604f921cc0b8c8be49cd4d205d9",
    "rayleigh-50": "722f3fc86371314cdca3e3c4ae5d6e3667d8e19e71a177dff973c929729f86bc",
    "equal": "6503305f3814eff37062fc966a644f71da83cae05fea21753f5245a50584e0ee",
    "ring": "a1eb4a97babec01cc7e9f7b5c329154aa454d9cc69a6e58c0732d79ddbe6b47d",
    "duplicates-2": "0fdf4e6d9142804caa4e75e11be81c5498f9a1f529dc08d64fa3b65ac279f4a3",
    "duplicates-3": "9e9e2dd21fdaf78fd8b2c77c5315471c01471fcb0f3a33e2ae3f2ada0a99a4c6",
    "log-normal": "d2256e5ea3fc4b3556301cdfe7f839a643266e66097ee28d15c79a9324f672cb",
    "rank-one": "b4bb467f1ec74b70947ac7b9a085b6a78d8409c9c0c9250aefb6f7815ae9cbea",
    "nakagami": "56dd9f8462bcaee1cfec863759aa688b7f39def2d838e27f0196f8d5d3dcddab",
    "pareto": "86ed555d224055b141c0c25c6c0c68687b95b18a504ccba6004a5429ca18832b",
    "wyner": "799f8ac5a5dace0e0126bdce869a0be67268b6d78c5b140a7c3a01e4d200124d",
}
"""Of the 200 published networks of each world, by `benchmarks.worlds.world.digest`."""
