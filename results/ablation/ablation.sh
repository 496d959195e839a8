#!/usr/bin/env bash
# What lifts h? Each change alone, on the tune splits, over three seeds.
#
#     results/best/ablation.sh OUT --manual_dir=DIR --features_file=mobilenet.mat
#
# Two runs at a time, one core each; what is finished in OUT is not run again. Then
# one penalty of the seen classes for the three seeds of each row, and the tables.
set -euo pipefail
out=$1
shift

changes=(
    ""
    "--synthetic_per_class=25"
    "--steps=1600 --learning_rate=0.0005"
    "--matching_norm_weight=0.01"
    "--theta_reset_steps=100"
    "--noise_covariance=identity"
    "--classifier_learning_rate=0.01 --classifier_epochs=40 --classifier_decay=0.97"
)

# Prints data set, embedding, variant and change of each row, separated by "|".
rows() {
    for data in "flo|att" "cub|att+sent"; do
        for change in "${changes[@]}"; do
            echo "$data|cwgan_gm|$change"
        done
        echo "$data|cwgan|"
        echo "$data|cwgan|--synthetic_per_class=25"
        echo "$data|real_only|"
    done
    echo "cub|att+sent|cwgan_gm|--embedding_norm=l2,matrix"
    echo "cub|att+sent|cwgan_gm|--synthetic_per_class=25 --matching_norm_weight=0.01"
}

# folder ROW: the folder of a row's runs, less the seed.
folder() {
    echo "$out/$(tr -s ' |-' '-' <<<"$1")"
}

trainings() {
    local data embedding variant change
    for seed in 1 2 3; do
        while IFS='|' read -r data embedding variant change; do
            echo "bin/train --preset=cpu --feature_scaling=none --embedding_norm=l2 --split=tune --nobaseline --quiet" \
                "--dataset=$data --embedding=$embedding --variant=$variant" \
                "--seed=$seed $change $*" \
                "--workdir='$(folder "$data|$embedding|$variant|$change")-$seed'"
        done < <(rows)
    done
}

calibrations() {
    local row
    while read -r row; do
        echo "bin/evaluate --quiet --calibrate '$(folder "$row")'-[123]"
    done < <(rows)
}

export TF_NUM_INTRAOP_THREADS=1
trainings "$@" | xargs -d '\n' -P 2 -I{} sh -c '{}'
calibrations | xargs -d '\n' -P 2 -I{} sh -c '{}'
for data in flo cub; do
    bin/summary --out="$out/$data" "$out/$data"-*
done
