"""Replies of servers that are not taken at their word: Response_Transcode_Pattern and Response_Transcode_Replace."""

from __future__ import annotations

import re

import re2

from momentum_trio.config.kind import PATTERN, quoted, word_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.pattern import check_pattern
from momentum_trio.config.scope import OUTBOUND
from momentum_trio.config.value import Value
