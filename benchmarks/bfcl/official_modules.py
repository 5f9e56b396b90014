"""Where the bfcl-eval wheel keeps the code of the simulated APIs. Standard library only (see simulation_child)."""

from __future__ import annotations

from collections.abc import Mapping

PACKAGE = "bfcl_eval.eval_checker.multi_turn_eval.func_source_code"
# Class -> the module that defines it, of the APIs that are simulated.
MODULES: Mapping[str, str] = {
    "GorillaFileSystem": "gorilla_file_system",
    "MathAPI": "math_api",
    "MessageAPI": "message_api",
    "TwitterAPI": "posting_api",
    "TicketAPI": "ticket_api",
    "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking",
    "VehicleControlAPI": "vehicle_control",
    "MemoryAPI_kv": "memory_kv",
    "MemoryAPI_rec_sum": "memory_rec_sum",
    "MemoryAPI_vector": "memory_vector",
}
# Imported by those modules.
SHARED_MODULES = ("long_context", "memory_api_metaclass")
# Class -> the file of its function descriptions: named after the modules. Web search is not simulated.
DESCRIPTIONS: Mapping[str, str] = {**MODULES, "WebSearchAPI": "web_search"}
