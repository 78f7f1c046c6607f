"""Where things are."""

import pathlib

repo = pathlib.Path(__file__).resolve().parents[2]
build = repo / 'build'
work = build / 'bench'
module = build / 'ngx_http_l402_module.so'


def tool(name):
    return str(build / name)
