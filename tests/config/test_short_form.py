"""The short form on the command line: what stands where, and values that mean what they mean in a file."""

import pytest

from reliseg.config.short_form import dataset_section, model_section, split_list
from reliseg.config.yaml_files import parse_yaml
from reliseg.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        (" a , ,b,", ["a", "b"]),
        ("ts,cluster-ts(k=2,soft=true),vector", ["ts", "cluster-ts(k=2,soft=true)", "vector"]),
        ("x,resize=[512,1024],args={a: 1, b: [2, 3]}", ["x", "resize=[512,1024]", "args={a: 1, b: [2, 3]}"]),
        ("", []),
        ("a),b", ["a)", "b"]),
    ],
)
def test_commas_inside_brackets_do_not_split(text, parts):
    assert split_list(text) == parts


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("hf:my/segformer", {"name": "segformer", "kind": "hf", "where": "my/segformer"}),
        ("python:nets/net.py:build", {"name": "net", "kind": "python", "where": "nets/net.py:build"}),
        ("stored:x,name=net,labels=idd", {"name": "net", "kind": "stored", "where": "x", "labels": "idd"}),
        (
            "hf:x,align_corners=true,resize=[2,3]",
            {"name": "x", "kind": "hf", "where": "x", "upsampling": {"align_corners": "true"}, "resize": ["2", "3"]},
        ),
    ],
)
def test_a_model_is_written_in_one_word(text, section):
    assert model_section(text) == section


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("camvid=data/camvid", {"name": "camvid", "spec": "camvid", "root": "data/camvid"}),
        ("my/set.toml=x,name=y", {"name": "y", "spec": "my/set.toml", "root": "x"}),
        (
            "acdc=x,domain=fog,missing=skip,domain=0016",
            {"name": "acdc", "spec": "acdc", "root": "x", "missing": "skip", "domains": {"fog": None, "0016": None}},
        ),
    ],
)
def test_a_data_set_is_written_in_one_word(text, section):
    assert dataset_section(text) == section


@pytest.mark.parametrize(
    "text", ["on", "0016", "12:30:00", "true", "3", "1e5", "null", "", "[1, no]", "{a: off, b: 2}"]
)
def test_a_value_is_read_as_in_a_file(text):
    value = model_section(f"hf:x,args={text},name=net")["args"]
    assert value == parse_yaml(f"args: {text}")["args"]
    assert dataset_section(f"a=x,label_map={text}")["label_map"] == value


@pytest.mark.parametrize(
    ("section", "text", "message"),
    [
        (model_section, "hf", "--model 'hf': write KIND:WHERE"),
        (model_section, "hf:", "--model 'hf:': write KIND:WHERE"),
        (model_section, "hf:x,labels", "--model: 'labels' is not KEY=VALUE"),
        (model_section, "hf:x,args={a: 1", "--model: args: '{a: 1' is not valid YAML"),
        (dataset_section, "camvid", "--data 'camvid': write SPEC=ROOT"),
        (dataset_section, "camvid=", "--data 'camvid=': write SPEC=ROOT"),
        (dataset_section, "camvid=x,skip", "--data: 'skip' is not KEY=VALUE"),
        (dataset_section, "camvid=x,a\nb=3", "--data: 'a\\nb=3' is not KEY=VALUE"),
        (dataset_section, "camvid=x,=3", "--data: '=3' is not KEY=VALUE"),
        (dataset_section, 'folder=p,labels="', "--data: labels: '\"' is not valid YAML: line 1: "),
        (dataset_section, "folder=p,labels='a", '--data: labels: "\'a" is not valid YAML: line 1: '),
        (
            dataset_section,
            "folder=p,labels=!!python/name:os.system",
            "--data: labels: '!!python/name:os.system' is not",
        ),
        (
            dataset_section,
            "folder=p,label_map={void: *a}",
            "--data: label_map: '{void: *a}' is not valid YAML: line 1: ",
        ),
        (dataset_section, "folder=p,labels=a,labels=b", "--data: 'labels' is given twice; give it once"),
        (dataset_section, "folder=p,root=q", "--data: root says again what 'p' says; give one of them"),
        (dataset_section, "folder=p,spec=idd", "--data: spec says again what 'folder' says; give one of them"),
        (dataset_section, "folder=p,domain=a,domains={b: {}}", "--data: domains says again what 'domain' says"),
        (model_section, "hf:x,where=y", "--model: where says again what 'x' says; give one of them"),
        (model_section, "hf:x,kind=stored", "--model: kind says again what 'hf' says; give one of them"),
        (
            model_section,
            "hf:x,align_corners=true,upsampling={align_corners: false}",
            "--model: upsampling says again what 'align_corners' says",
        ),
        (model_section, "hf:x,args=" + "[" * 9999, "--model: args: '[[["),
    ],
)
def test_what_is_wrong_is_one_line_with_the_way_to_write_it(section, text, message):
    with pytest.raises(ConfigError) as refusal:
        section(text)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)
