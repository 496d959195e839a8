"""Flags and rules for flags as in absl, defined again for each call.

Each function takes what its absl namesake takes, less `flag_values`: string is
DEFINE_string, required is mark_flags_as_required. `command_line.command`
gives what they return the flags of one call.
"""

import functools

from absl import flags


def _at_each_call(definition):
    return functools.partial(functools.partial, definition)


string = _at_each_call(flags.DEFINE_string)
strings = _at_each_call(flags.DEFINE_multi_string)
listed = _at_each_call(flags.DEFINE_list)
boolean = _at_each_call(flags.DEFINE_boolean)
integer = _at_each_call(flags.DEFINE_integer)
number = _at_each_call(flags.DEFINE_float)
enum = _at_each_call(flags.DEFINE_enum)
required = _at_each_call(flags.mark_flags_as_required)
exclusive = _at_each_call(flags.mark_flags_as_mutual_exclusive)
rule = _at_each_call(flags.register_validator)
rule_for_several = _at_each_call(flags.register_multi_flags_validator)
