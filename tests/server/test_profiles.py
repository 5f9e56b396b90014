"""models.toml: what ships, how the project's file is laid over it, and that every mistake is named."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.server.profile_schema import LAUNCH_KEYS, PROFILE_KEYS
from pytest_modeleval.server.profiles import Launch, Profile, closest_profile, load_profile, profile_names


def loaded(tmp_path: Path, text: str, name: str = "m") -> Profile:
    """The profile `name` of a project whose models.toml is `text`."""
    (tmp_path / "models.toml").write_text(text, encoding="utf-8")
    found = load_profile(name, project_dir=tmp_path)
    assert found is not None
    return found


def mistake(tmp_path: Path, text: str, name: str = "m") -> str:
    """The message with which models.toml is refused."""
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text, name)
    assert str(tmp_path / "models.toml") in str(caught.value)
    return str(caught.value)


def test_shipped_minimax_m2_is_the_recipe(tmp_path: Path) -> None:
    """The launch line of the users' document, but for the host, and the sampling of the model card."""
    profile = load_profile("MiniMax-M2", project_dir=tmp_path)
    assert profile is not None
    assert profile.launch is not None
    command, environment = profile.launch.fill_placeholders(port=8000)
    recipe = [
        "-m",
        "sglang.launch_server",
        "--model-path",
        "MiniMaxAI/MiniMax-M2",
        "--tp-size",
        "8",
        "--ep-size",
        "8",
        "--tool-call-parser",
        "minimax-m2",
        "--trust-remote-code",
        "--reasoning-parser",
        "minimax-append-think",
        "--port",
        "8000",
        "--mem-fraction-static",
        "0.85",
    ]
    assert command[0] == sys.executable
    assert set(recipe) <= set(command)
    for flag, value in (("--tp-size", "8"), ("--ep-size", "8"), ("--mem-fraction-static", "0.85"), ("--port", "8000")):
        assert command[command.index(flag) + 1] == value
    assert environment["SGLANG_FORCE_SHUTDOWN"] == "1"
    assert {key: profile.params[key] for key in ("temperature", "top_p", "top_k")} == {
        "temperature": 1.0,
        "top_p": 0.95,
        "top_k": 40,
    }
    assert profile.context_tokens == 196608
    assert profile.urls == ("http://localhost:8000/v1",)


def test_shipped_embedded_profile(tmp_path: Path) -> None:
    """The small model: this very Python, eight in flight, 2048 tokens per slot."""
    profile = load_profile("embedded", project_dir=tmp_path)
    assert profile is not None
    assert profile.launch is not None
    command, _ = profile.launch.fill_placeholders(port=7)
    assert command == (sys.executable, "-m", "pytest_modeleval.server.embedded", "--port", "7")
    assert (profile.in_flight, profile.context_tokens, profile.params["temperature"]) == (8, 2048, 0)


def test_every_shipped_profile_loads(tmp_path: Path) -> None:
    """Whatever ships can be loaded, and what can be launched has a port in its command."""
    for name in profile_names(tmp_path):
        profile = load_profile(name, project_dir=tmp_path)
        assert profile is not None
        if profile.launch is not None:
            assert "12345" in profile.launch.fill_placeholders(port=12345)[0]


def test_unknown_name_is_no_profile(tmp_path: Path) -> None:
    """A served model's name is none of our profiles; the nearest profile can be asked for."""
    assert load_profile("MiniMaxAI/MiniMax-M2", project_dir=tmp_path) is None
    assert closest_profile("minimax-m2", project_dir=tmp_path) == "MiniMax-M2"
    assert closest_profile("zzzzzz", project_dir=tmp_path) is None


def test_project_is_laid_over_the_shipped_file(tmp_path: Path) -> None:
    """Keys of the project's file win, the rest stays as shipped."""
    profile = loaded(
        tmp_path, "[MiniMax-M2.params]\ntemperature = 0.5\n[MiniMax-M2.launch.flags]\ntp-size = 4\n", "MiniMax-M2"
    )
    assert profile.params["temperature"] == 0.5
    assert profile.params["top_k"] == 40
    assert profile.launch is not None
    command = profile.launch.argv
    assert command[command.index("--tp-size") + 1] == "4"
    assert command[command.index("--ep-size") + 1] == "8"
    assert profile.source == str(tmp_path / "models.toml")


def test_inheritance(tmp_path: Path) -> None:
    """A profile extends another: tables are merged, lists replaced, a flag set to false is left out."""
    text = """
    [base]
    urls = ["http://a/v1"]
    [base.params]
    temperature = 0
    [base.launch]
    argv = ["serve"]
    [base.launch.flags]
    fast = true
    name = "x"
    cards = ["1", "2"]
    [m]
    extends = "base"
    urls = ["http://b/v1", "http://c/v1"]
    [m.params]
    top_p = 0.5
    [m.launch.flags]
    fast = false
    """
    profile = loaded(tmp_path, text)
    assert profile.urls == ("http://b/v1", "http://c/v1")
    assert profile.params == {"temperature": 0, "top_p": 0.5}
    assert profile.launch is not None
    assert profile.launch.argv == ("serve", "--name", "x", "--cards", "1", "2")


def test_placeholders_leave_json_alone() -> None:
    """{port}, {replica} and {gpus} are filled; braces of a JSON argument are its own."""
    launch = Launch(argv=("x", "--port={port}", '{"threads": 64}'), env={"CUDA_VISIBLE_DEVICES": "{gpus}"}, gpus_each=4)
    assert launch.fill_placeholders(port=9, replica=1) == (
        ("x", "--port=9", '{"threads": 64}'),
        {"CUDA_VISIBLE_DEVICES": "4,5,6,7"},
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[m]\nurl = ['http://a']", "[m] url: unknown key; did you mean 'urls'?"),
        ("[m]\nurls = 'http://a'", "[m] urls: expected a list of addresses"),
        ("[m]\nurls = ['localhost:1']", "[m] urls: expected a list of addresses"),
        ("[m]\ncontext_tokens = '4k'", "[m] context_tokens: expected a whole number"),
        ("[m]\ncontext_tokens = true", "[m] context_tokens: expected a whole number"),
        ("[m]\nin_flight = 0", "[m] in_flight: expected a whole number from 1"),
        ("[m.params]\ntemperature = -1", "[m.params] temperature: expected a number from 0"),
        ("[m.params]\ntempurature = 1", "[m.params] tempurature: unknown; did you mean 'temperature'?"),
        ("[m.params]\nmax_tokens = 1.5", "[m.params] max_tokens: expected a whole number"),
        ("[m.params]\nmessages = []", "[m.params] messages: is not a generation parameter"),
        ("[m.launch]\nargv = []", "[m.launch] argv: expected a list of texts"),
        ("[m.launch]\nargv = 'x y'", "[m.launch] argv: expected a list of texts"),
        ("[m.launch]\nport = 1", "[m.launch] argv: expected the command"),
        ("[m.launch]\nargv = ['x']\nstall_s = 0", "[m.launch] stall_s: expected a number of seconds from 0.1"),
        ("[m.launch]\nargv = ['x']\nready_path = 'health'", "[m.launch] ready_path: expected a path"),
        ("[m.launch]\nargv = ['x', '{prot}']", "[m.launch] {prot}: expected one of the placeholders"),
        ("[m.launch]\nargv = ['x']\n[m.launch.env]\nA = 1", "[m.launch.env] A: expected a text, found 1"),
        ("[m.launch]\nargv = ['x']\n[m.launch.flags]\n--tp = 1", "[m.launch.flags] --tp: expected a flag's name"),
        ("[m.launch]\nargv = ['x']\npass_env = ['A B']", "[m.launch] pass_env: expected a list of variable names"),
        ("m = 3", "'m': expected a table"),
        ("[m]\nextends = 'embeded'", "there is no profile 'embeded'; did you mean 'embedded'?"),
        ("[m]\nextends = 'n'\n[n]\nextends = 'm'", "found a circle: m -> n -> m"),
        ("[m]\nextends = 'm'", "found a circle: m -> m"),
        ("[m\n", "expected TOML in UTF-8"),
        ("[m]\na = 1\na = 2", "expected TOML in UTF-8"),
    ],
)
def test_every_mistake_names_file_table_and_key(tmp_path: Path, text: str, said: str) -> None:
    """One sentence: where, what was expected, what was found."""
    assert said in mistake(tmp_path, text)


def test_all_mistakes_are_told_at_once_up_to_ten(tmp_path: Path) -> None:
    """Nobody mends a file one message at a time; nobody reads a hundred."""
    said = mistake(tmp_path, "[m]\n" + "\n".join(f"k{number} = 1" for number in range(14)))
    assert "14 mistakes" in said
    assert "and 4 more" in said


def test_mistakes_in_other_profiles_are_told_too(tmp_path: Path) -> None:
    """A typo is told now, not when its profile is needed."""
    assert "[other] ulrs: unknown key" in mistake(tmp_path, "[m]\n[other]\nulrs = []")


def test_odd_files_are_refused(tmp_path: Path) -> None:
    """No UTF-8, a folder, a huge file: a SettingsError each."""
    path = tmp_path / "models.toml"
    path.write_bytes(b"\xff\xfe[m]")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_profile("m", project_dir=tmp_path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(SettingsError, match="larger"):
        load_profile("m", project_dir=tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(SettingsError, match="readable file"):
        load_profile("m", project_dir=tmp_path)


def test_documented_profile_loads(tmp_path: Path) -> None:
    """Every piece of TOML in docs/models.md is valid, and every key that exists is documented there."""
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    pieces = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(pieces) == 2
    assert loaded(tmp_path, pieces[0], "MiniMax-M2").params["temperature"] == 0.6
    launch = loaded(tmp_path, pieces[1], "my-model").launch
    assert launch is not None
    assert "my-org/my-model" in launch.argv
    for key in (*PROFILE_KEYS, *LAUNCH_KEYS):
        assert f"`{key}`" in text or f".{key}]`" in text, key
    for name in profile_names(tmp_path):
        assert f"`{name}`" in text or name == "my-model", name


def test_braces_of_json_are_no_placeholders(tmp_path: Path) -> None:
    """A JSON argument may be empty or full of braces; a word in braces that means nothing is a mistake."""
    text = '[m.launch]\nargv = ["x", "{}", \'{"a": {"b": 1}}\', "{port}"]\n'
    (tmp_path / "models.toml").write_text(text)
    profile = load_profile("m", project_dir=tmp_path)
    assert profile is not None
    assert profile.launch is not None
    assert profile.launch.fill_placeholders(port=7)[0] == ("x", "{}", '{"a": {"b": 1}}', "7")
    (tmp_path / "models.toml").write_text(text.replace("{port}", "{prot}"))
    with pytest.raises(SettingsError, match=r"found \{prot\}"):
        load_profile("m", project_dir=tmp_path)


def test_the_vllm_profile_of_minimax_keeps_the_end_of_thinking(tmp_path: Path) -> None:
    """minimax_m2_append_think loses </think> when tools are offered and the reply is streamed; minimax_m2 does not."""
    profile = load_profile("MiniMax-M2-vllm", project_dir=tmp_path)
    assert profile is not None
    assert profile.launch is not None
    command, environment = profile.launch.fill_placeholders(port=1)
    assert command[command.index("--reasoning-parser") + 1] == "minimax_m2"
    assert environment["VLLM_SERVER_DEV_MODE"] == "1"
