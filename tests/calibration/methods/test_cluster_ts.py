"""A temperature for each cluster of images: found where it is known, never worse than one, of one image's feature."""

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.calibration_samples import ideal_part, pixels_of, prediction_of, random_part, sample_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from reliseg.calibration import CalibrationSample, SampledImage, calibrator, canonical_text
from reliseg.calibration.fitting.clusters import Centres, Mixture
from reliseg.calibration.methods.cluster_ts import ClusterTemperature, ScaledByCluster
from reliseg.calibration.methods.ts import Temperature
from reliseg.errors import CalibrationError, ConfigError

KNOWN = (0.5, 1.0, 2.0, 5.0)


def feature(seed, group, *, length=6):
    """Near the axis of the group, at any scale."""
    g = np.random.default_rng([seed, 9])
    return g.uniform(0.5, 20) * (np.eye(length)[group] + g.normal(0, 0.02, length))


def with_features(parts, features):
    sample = sample_of(*parts)
    images = [replace(i, feature=tuple(map(float, f))) for i, f in zip(sample.images, features, strict=True)]
    return CalibrationSample(sample.parts, images)


def clustered(seed=0, images=12, temperatures=KNOWN, copies=400):
    """Images of four groups in turn, each with its temperature, and features of well separated groups."""
    groups = [i % len(temperatures) for i in range(images)]
    parts = [
        ideal_part([seed, i], lambda top, t=temperatures[g]: np.full(len(top), t), distinct=15, copies=copies)
        for i, g in enumerate(groups)
    ]
    return with_features(parts, [feature(100 * seed + i, g) for i, g in enumerate(groups)])


def random_sample(seed, images=6, pixels=25):
    """Images whose features say nothing of their temperatures."""
    g = np.random.default_rng(seed)
    parts = [
        random_part([seed, i], pixels=int(g.integers(1, pixels)), temperature=math.exp(g.uniform(-1, 2)))
        for i in range(images)
    ]
    return with_features(parts, g.normal(0, 1, (images, 5)))


def reordered(sample, order):
    return CalibrationSample([sample.parts[i] for i in order], [sample.images[i] for i in order])


def of_image(prediction, image):
    return replace(prediction, feature=np.array(image.feature, np.float32))


def slopes_for(calibration, image):
    return calibration(of_image(prediction_of(0), image)).view().inverse_temperatures


def loss(sample, calibration):
    """The mean NLL over the sample of what the calibration does with each of its images."""
    total = 0.0
    for (z, labels), image in zip(sample.parts, sample.images, strict=True):
        slopes = slopes_for(calibration, image)[z.argmax(axis=1)]
        total -= log_softmax(z.astype(np.float64) * slopes[:, None], axis=1)[np.arange(len(labels)), labels].sum()
    return total / len(sample)


@pytest.mark.parametrize("seed", [42, 43])
def test_the_temperature_of_each_cluster_is_found(seed):
    sample = clustered()
    fitted = ClusterTemperature(k=4, shrinkage=0, seed=seed).fit(sample)
    np.testing.assert_allclose(np.sort(np.ravel(fitted.temperatures)), KNOWN, rtol=0.01)  # shares are rounded to 1/400
    for i, image in enumerate(sample.images):
        np.testing.assert_allclose(1 / slopes_for(fitted, image), KNOWN[i % 4], rtol=0.01)


def test_the_temperature_of_each_class_in_each_cluster_is_found():
    known = np.array([[0.5, 1.0, 2.0, 4.0], [3.0, 2.0, 1.0, 0.6]])
    parts = [ideal_part(i, lambda top, t=known[i % 2]: t[top], copies=2000) for i in range(4)]
    sample = with_features(parts, [feature(i, i % 2) for i in range(4)])
    fitted = ClusterTemperature(k=2, shrinkage=0, per_class=True).fit(sample)
    rows = np.array(fitted.temperatures)
    np.testing.assert_allclose(rows[np.argsort(rows[:, 0])], known, rtol=0.01)
    prediction = prediction_of(3, classes=3)
    z, scaled = pixels_of(prediction), pixels_of(fitted(of_image(prediction, sample.images[1])))
    np.testing.assert_allclose(scaled, z / known[1][z.argmax(axis=0)], rtol=0.01)


@pytest.mark.parametrize("clusters", ["kmeans", "mixture"])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("shrinkage", [0, 10_000])
def test_one_cluster_is_temperature_scaling(soft, shrinkage, clusters):
    sample = clustered()
    one = ClusterTemperature(k=1, soft=soft, shrinkage=shrinkage, clusters=clusters).fit(sample)
    ts = Temperature().fit(sample)
    assert one.temperatures[0][0] == pytest.approx(ts.temperature, rel=1e-9)
    for image in sample.images:
        wanted = ts(prediction_of(0)).view().inverse_temperatures
        np.testing.assert_allclose(slopes_for(one, image), wanted, rtol=1e-9)


def test_four_clusters_gain_more_the_less_they_are_shrunk():
    sample = clustered()
    one = loss(sample, ClusterTemperature(k=1).fit(sample))
    ts = Temperature().fit(sample)
    assert one == pytest.approx(loss(sample, ts), rel=1e-12)
    losses = [loss(sample, ClusterTemperature(k=4, shrinkage=s).fit(sample)) for s in (0, 1e3, 1e4, 1e6)]
    assert losses == sorted(losses)
    assert losses[0] < one - 0.02
    assert losses[3] <= one


@given(
    seed=st.integers(0, 999),
    k=st.sampled_from([1, 2, 4, 6, "all"]),
    per_class=st.booleans(),
    shrinkage=st.just(0.0) | st.floats(1e-3, 1e7),
)
@settings(max_examples=20, deadline=None)
def test_it_is_never_worse_than_one_temperature_for_all(seed, k, per_class, shrinkage):
    sample = random_sample(seed)
    method = ClusterTemperature(k=k, per_class=per_class, shrinkage=shrinkage)
    fitted = method.fit(sample)
    if per_class:  # predictions have one column more than these samples: `other`
        fitted = replace(fitted, temperatures=np.pad(fitted.temperatures, ((0, 0), (0, 1)), constant_values=1))
    one = loss(sample, Temperature().fit(sample))
    assert loss(sample, fitted) <= one + 1e-12
    assert one <= loss(sample, lambda prediction: prediction) + 1e-12


def test_each_image_has_its_own_temperature_with_all():
    temperatures = (0.5, 0.8, 1.3, 2.0, 5.0)
    sample = clustered(images=5, temperatures=temperatures)
    fitted = ClusterTemperature(k="all", shrinkage=0).fit(sample)
    np.testing.assert_allclose(np.ravel(fitted.temperatures), temperatures, rtol=0.01)
    for i, (part, image) in enumerate(zip(sample.parts, sample.images, strict=True)):
        alone = Temperature().fit(CalibrationSample([part], [image])).temperature
        assert fitted.temperatures[i][0] == pytest.approx(alone, rel=1e-9)
        np.testing.assert_allclose(1 / slopes_for(fitted, image), alone, rtol=1e-9)


def test_images_are_told_apart_where_some_have_no_pixels():
    parts = [ideal_part(i, lambda top, t=t: np.full(len(top), t), copies=400) for i, t in enumerate((0.5, 4.0))]
    none = np.zeros((0, 4), np.float32), np.zeros(0, np.uint8)
    sample = with_features([none, parts[0], none, parts[1], none], np.eye(5))
    temperatures = np.ravel(ClusterTemperature(k="all", shrinkage=0).fit(sample).temperatures)
    everywhere = Temperature().fit(sample).temperature
    np.testing.assert_allclose(temperatures, [everywhere, 0.5, everywhere, 4.0, everywhere], rtol=0.01)


@given(
    seed=st.integers(0, 999),
    feature=st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3),
    soft=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_it_keeps_the_argmax_of_every_pixel_between_the_least_and_the_highest_temperature(seed, feature, soft):
    g = np.random.default_rng(seed)
    centres, temperatures = g.normal(0, 1, (4, 3)), np.exp(g.uniform(math.log(0.05), math.log(20), (4, 5)))
    calibration = ScaledByCluster(Centres(centres), temperatures, soft)
    before = replace(prediction_of(seed), feature=np.array(feature, np.float32))
    after = calibration(before)
    z, scaled = pixels_of(before), pixels_of(after)
    np.testing.assert_array_equal(scaled.argmax(axis=0), z.argmax(axis=0))
    found = 1 / after.view().inverse_temperatures
    low, high = temperatures.min(axis=0), temperatures.max(axis=0)
    assert ((low * (1 - 1e-12) <= found) & (found <= high * (1 + 1e-12))).all()
    if not soft:
        assert np.isclose(found, temperatures, rtol=1e-12).all(axis=1).any()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 250.0])
def test_a_feature_on_a_centre_has_its_temperature_with_soft_weights_too(scale):
    centres = ((1.0, 0.0, 0.0), (0.0, 0.6, 0.8), (0.0, -1.0, 0.0))
    calibration = ScaledByCluster(Centres(np.array(centres)), np.array([[0.5], [2], [8]]), soft=True)
    for centre, temperature in zip(centres, (0.5, 2.0, 8.0), strict=True):
        image = SampledImage("a", 1, tuple(scale * c for c in centre))
        np.testing.assert_allclose(1 / slopes_for(calibration, image), temperature, rtol=1e-4)


def test_soft_weights_are_one_over_the_distance():
    centres = np.array([[1.0, 0], [0, 1]])
    calibration = ScaledByCluster(Centres(centres), np.array([[1.0], [3]]), soft=True)
    distances = np.array([math.dist((0.6, 0.8), c) for c in centres])
    weights = 1 / (distances + 1e-6)
    wanted = (weights * [1, 3]).sum() / weights.sum()
    assert 1 / slopes_for(calibration, SampledImage("a", 1, (3.0, 4.0)))[0] == pytest.approx(wanted, rel=1e-6)
    hard = replace(calibration, soft=False)
    assert 1 / slopes_for(hard, SampledImage("a", 1, (3.0, 4.0)))[0] == 3


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(
    ("k", "clusters"), [(1, "kmeans"), (2, "kmeans"), ("all", "kmeans"), (1, "mixture"), (2, "mixture")]
)
def test_features_of_zeros_are_as_good_as_any(k, clusters, soft):
    sample = clustered(images=4, temperatures=KNOWN[:2], copies=50)
    some = [feature(0, 0), np.zeros(6), feature(1, 1), np.zeros(6)]
    for features in (some, np.zeros((4, 6))):
        sample = with_features(sample.parts, features)
        fitted = ClusterTemperature(k=k, soft=soft, clusters=clusters).fit(sample)
        for image in sample.images:
            slopes = slopes_for(fitted, image)
            assert (np.isfinite(slopes) & (slopes >= 1 / 20) & (slopes <= 20)).all()


@pytest.mark.parametrize("k", [1, 2, "all"])
def test_missing_features_are_an_error_that_names_the_first_image(k):
    sample = clustered(images=4, copies=20)
    images = [replace(i, feature=None) if i.id in ("a/1", "a/3") else i for i in sample.images]
    with pytest.raises(CalibrationError, match=r"cluster_ts: 2 images without a feature \(first: a/1\)"):
        ClusterTemperature(k=k).fit(CalibrationSample(sample.parts, images))


@pytest.mark.parametrize("odd", [(1.0, 2.0), (1.0,), (), (1.0, 2.0, math.nan), (1.0, math.inf, 0.0)])
def test_features_of_another_length_and_no_numbers_are_errors(odd):
    sample = clustered(images=3, copies=20)
    unfit = with_features(sample.parts, [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), odd])
    with pytest.raises(CalibrationError, match=r"cluster_ts: 1 image without a feature of 3 finite numbers \(a/2\)"):
        ClusterTemperature(k=2).fit(unfit)
    fitted = ClusterTemperature(k=2).fit(with_features(sample.parts, np.eye(3)))
    with pytest.raises(CalibrationError, match="the feature must be 3 finite numbers"):
        fitted(of_image(prediction_of(0), unfit.images[2]))
    with pytest.raises(CalibrationError, match="needs a feature"):
        fitted(prediction_of(0))


def test_more_clusters_than_images_are_an_error():
    sample = clustered(images=4, copies=20)
    with pytest.raises(CalibrationError, match="cluster_ts: 5 clusters, but only 4 images; give k=4 or less"):
        ClusterTemperature(k=5).fit(sample)
    assert len(ClusterTemperature(k=4).fit(sample).clusters) == 4


def test_nothing_to_fit_on_is_an_error():
    with pytest.raises(CalibrationError, match=r"cluster_ts: .*are void or unknown"):
        ClusterTemperature().fit(CalibrationSample([]))
    with pytest.raises(CalibrationError, match=r"cluster_ts: .*all equal"):
        ClusterTemperature().fit(sample_of((np.ones((4, 3)), [0, 1, 2, 0])))


def bytes_of(calibration):
    return {k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in calibration.parameters().items()}


@pytest.mark.parametrize("clusters", ["kmeans", "mixture"])
@pytest.mark.parametrize("k", [3, 4])
@pytest.mark.parametrize("soft", [False, True])
def test_the_same_seed_gives_the_same_bytes(k, soft, clusters):
    method = ClusterTemperature(k=k, soft=soft, clusters=clusters)
    sample = random_sample(1, images=15)
    assert bytes_of(method.fit(sample)) == bytes_of(method.fit(sample))


@pytest.mark.parametrize(("k", "clusters"), [(4, "kmeans"), (4, "mixture"), ("all", "kmeans")])
def test_the_order_of_images_changes_nothing(k, clusters):
    """Of clusters no bit; the sums over pixels are taken in the order of the sample."""
    sample = random_sample(3, images=15)
    method = ClusterTemperature(k=k, clusters=clusters, shrinkage=10)
    wanted = method.fit(sample)
    for seed in range(3):
        other = method.fit(reordered(sample, np.random.default_rng(seed).permutation(len(sample.images))))
        np.testing.assert_allclose(np.sort(other.temperatures, axis=0), np.sort(wanted.temperatures, axis=0), rtol=1e-9)
        if k != "all":
            np.testing.assert_array_equal(other.clusters.centres, wanted.clusters.centres)


def test_a_mixture_gives_each_image_the_temperature_of_its_likeliest_component():
    sample = clustered()
    fitted = ClusterTemperature(k=4, clusters="mixture", shrinkage=0).fit(sample)
    soft = replace(fitted, soft=True)
    for image in sample.images:
        weights = fitted.clusters.weights(np.array([image.feature]))[0]
        np.testing.assert_allclose(1 / slopes_for(fitted, image), fitted.temperatures[weights.argmax(), 0], rtol=1e-12)
        np.testing.assert_allclose(1 / slopes_for(soft, image), weights @ fitted.temperatures[:, 0], rtol=1e-6)


def test_a_component_without_images_has_the_global_temperature():
    """No image is nearest to it, and it has no share: it can neither be chosen nor weigh anything."""
    sample = clustered(images=6, copies=50)
    mixture = Mixture(np.array([1.0, 0.0]), np.zeros((2, 6)), np.stack([np.eye(6)] * 2))
    np.testing.assert_array_equal(mixture.weights(np.array([i.feature for i in sample.images])), [[1, 0]] * 6)
    fitted = ClusterTemperature(k=6, clusters="mixture", shrinkage=0).fit(with_features(sample.parts, np.ones((6, 6))))
    everywhere = Temperature().fit(sample).temperature
    np.testing.assert_allclose(fitted.temperatures, everywhere, rtol=1e-9)  # one has all images, five have none


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"temperatures": np.array([[1.0]])}, "temperature"),
        ({"temperatures": np.array([[1.0], [0.0], [1.0]])}, "temperature"),
        ({"temperatures": np.ones((3, 0))}, "temperature"),
        ({"shares": np.array([0.5, 0.6, 0.1])}, "shares"),
        ({"factors": np.zeros((3, 4, 4))}, "diagonal"),
        ({"factors": np.ones((3, 4, 5))}, "fit together"),
        ({"centres": np.ones(3)}, "fit together"),
    ],
)
def test_parameters_that_are_none_are_refused(parameters, problem):
    method = ClusterTemperature(k=3, clusters="mixture")
    whole = {
        "shares": np.full(3, 1 / 3),
        "centres": np.zeros((3, 4)),
        "factors": np.stack([np.eye(4)] * 3),
        "temperatures": np.ones((3, 1)),
        "soft": True,
    }
    method.restore(whole)
    with pytest.raises(ValueError, match=problem):
        method.restore(whole | parameters)


@pytest.mark.parametrize("clusters", ["kmeans", "mixture"])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("per_class", [False, True])
def test_it_comes_back_from_its_parameters(soft, per_class, clusters):
    method = ClusterTemperature(k=3, soft=soft, per_class=per_class, clusters=clusters)
    sample = random_sample(2)
    fitted = method.fit(sample)
    restored = method.restore(fitted.parameters())
    assert bytes_of(restored) == bytes_of(fitted)
    prediction = prediction_of(0, classes=3)
    for image in sample.images:
        before, after = (pixels_of(c(of_image(prediction, image))) for c in (fitted, restored))
        np.testing.assert_array_equal(before, after)
    if per_class:
        with pytest.raises(CalibrationError, match=r"fitted on 4 columns \(classes and other\), the prediction has 3"):
            fitted(of_image(prediction_of(0, classes=2), sample.images[0]))


def test_classes_that_a_cluster_never_predicts_get_the_global_temperature():
    z, labels = random_part(0, pixels=60)
    no_first = np.concatenate([z[:, :1] - 100, z[:, 1:]], axis=1)
    sample = with_features([(z, labels), (no_first, labels.clip(1))], np.eye(2))
    rows = ClusterTemperature(k="all", per_class=True, shrinkage=0).fit(sample).temperatures
    assert rows[1][0] == pytest.approx(Temperature().fit(sample).temperature, rel=1e-12)
    assert rows[0][0] != pytest.approx(rows[1][0], rel=1e-3)


STUDY = "cluster-ts(k=8, objective=ece, shrinkage=0, features=max, seed={})"
"""The clusters and temperatures of the scripts of de Jorge et al. (CVPR 2023)."""


def study_sample(images=40, pixels=60):
    """Sums over the positions of feature maps, some of whose entries are negative, beside a few pixels an image."""
    g = np.random.default_rng(11)
    groups = g.normal(0, 1, (8, 16))
    features = [(50 * (groups[i % 8] + g.normal(0, 0.3, 16))).astype(np.float32) for i in range(images)]
    parts = [random_part([5, i], pixels=pixels, temperature=0.6 + 0.4 * (i % 8)) for i in range(images)]
    return with_features(parts, features)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [42, 43])
def test_with_the_features_and_seeds_of_the_study_scikit_learn_gives_its_clusters_exactly(seed):
    from sklearn.cluster import MiniBatchKMeans

    sample = study_sample()
    features = np.array([i.feature for i in sample.images])
    scaled = features / features.max(axis=1, keepdims=True)
    order = np.argsort([i.id for i in sample.images])
    theirs = MiniBatchKMeans(8, batch_size=2048, n_init=5, random_state=seed).fit(scaled[order])
    fitted = calibrator(STUDY.format(seed)).fit(sample)
    np.testing.assert_array_equal(fitted.clusters.centres, theirs.cluster_centers_)
    of_image = fitted.clusters.weights(features).argmax(axis=1)
    np.testing.assert_array_equal(of_image, theirs.predict(scaled))
    unseen = np.random.default_rng(3).normal(0, 40, (200, 16))
    unseen = unseen[unseen.max(axis=1) > 0]
    expected = theirs.predict(unseen / unseen.max(axis=1, keepdims=True))
    np.testing.assert_array_equal(fitted.clusters.weights(unseen).argmax(axis=1), expected)


@pytest.mark.slow
def test_each_cluster_has_the_temperature_of_least_ece_of_its_own_pixels_alone():
    sample = study_sample()
    fitted = calibrator(STUDY.format(42)).fit(sample)
    of_image = fitted.clusters.weights(np.array([i.feature for i in sample.images])).argmax(axis=1)
    for cluster, (temperature,) in enumerate(fitted.temperatures):
        inside = np.flatnonzero(of_image == cluster)
        part = CalibrationSample([sample.parts[i] for i in inside], [sample.images[i] for i in inside])
        assert temperature == pytest.approx(calibrator("ts(objective=ece)").fit(part).temperature, rel=1e-12)
    assert len(set(np.ravel(fitted.temperatures))) > 4
    restored = calibrator(STUDY.format(42)).restore(fitted.parameters())
    assert bytes_of(restored) == bytes_of(fitted)
    assert restored.fingerprint() == fitted.fingerprint()
    assert restored.clusters.features == "max"


@pytest.mark.parametrize("per_class", [False, True])
def test_one_cluster_by_ece_is_ts_by_ece(per_class):
    sample = clustered(images=4, copies=100)
    one = ClusterTemperature(k=1, objective="ece", shrinkage=0, per_class=per_class).fit(sample)
    if per_class:
        z, labels = (np.concatenate(a) for a in zip(*sample.parts, strict=True))
        first = z.argmax(axis=1) == 0
        alone = calibrator("ts(objective=ece)").fit(sample_of((z[first], labels[first]))).temperature
        assert one.temperatures[0][0] == pytest.approx(alone, rel=1e-12)
    else:
        assert one.temperatures[0][0] == pytest.approx(calibrator("ts(objective=ece)").fit(sample).temperature)


def test_a_cluster_without_pixels_has_the_temperature_of_all_by_ece_too():
    none = np.zeros((0, 4), np.float32), np.zeros(0, np.uint8)
    part = random_part(0, pixels=300, temperature=2.0)
    fitted = ClusterTemperature(k="all", objective="ece", shrinkage=0).fit(with_features([none, part], np.eye(2)))
    alone = calibrator("ts(objective=ece)").fit(sample_of(part)).temperature
    np.testing.assert_allclose(np.ravel(fitted.temperatures), alone, rtol=1e-12)


def test_calibrations_that_scale_features_in_two_ways_are_told_apart():
    centres, temperatures = np.eye(2), np.array([[1.0], [2.0]])
    by_length, by_maximum = (ScaledByCluster(Centres(centres, how), temperatures, False) for how in ("l2", "max"))
    assert by_length.fingerprint() != by_maximum.fingerprint()
    assert set(by_length.parameters()) == {"centres", "temperatures", "soft"}
    with pytest.raises(ValueError, match="not known"):
        Centres(centres, "l3")


def test_the_options_of_the_study_are_checked_and_have_one_text():
    assert canonical_text("cluster-ts(features=l2, objective=nll)") == "cluster_ts"
    assert canonical_text(STUDY.format(42)) == "cluster_ts(shrinkage=0,features=max,objective=ece,seed=42)"
    with pytest.raises(ConfigError, match="features is 'l1'; give l2 or max"):
        calibrator("cluster-ts(features=l1)")
    with pytest.raises(ConfigError, match="give it with clusters=kmeans only: a mixture has a scale"):
        calibrator("cluster-ts(clusters=mixture, features=max)")
    with pytest.raises(ConfigError, match="objective is 'brier'; give nll or ece"):
        calibrator("cluster-ts(objective=brier)")
