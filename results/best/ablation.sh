#!/usr/bin/env bash
# What lifts h? Each change alone, on the tune splits, over three seeds.
#
#     results/best/ablation.sh OUT --manual_dir=DIR --features_file=mobilenet.mat
#
# Two runs at a time, one core each; what is finished in OUT is not run again.
set -euo pipefail
out=$1
shift

changes=(
    ""
    "--matching_weight=100"
    "--matching_distance=global"
    "--matching_norm_weight=0.01"
    "--theta_reset_steps=100"
    "--noise_covariance=identity"
    "--noise_mean=tanh"
    "--steps=1600 --learning_rate=0.0005"
    "--synthetic_per_class=25"
    "--synthetic_per_class=50"
    "--classifier_learning_rate=0.01 --classifier_epochs=40 --classifier_decay=0.97"
)

# run DATASET EMBEDDING VARIANT SEED CHANGE FLAG...: prints a command.
run() {
    local name
    name=$(tr -s ' -' '-' <<<"$1 $2 $3 $5 $4")
    echo "bin/train --preset=cpu --split=tune --nobaseline --quiet" \
        "--dataset=$1 --embedding=$2 --variant=$3 --seed=$4 $5" \
        "--workdir='$out/$name' ${*:6} &&" \
        "bin/evaluate --quiet --workdir='$out/$name' --calibrate"
}

commands() {
    for seed in 1 2 3; do
        for data in "flo att" "cub att+sent"; do
            for change in "${changes[@]}"; do
                run $data cwgan_gm $seed "$change" "$@"
            done
            run $data cwgan $seed "" "$@"
            run $data cwgan $seed "--synthetic_per_class=25" "$@"
            run $data real_only $seed "" "$@"
        done
        run cub att+sent cwgan_gm $seed "--embedding_norm=l2,matrix" "$@"
    done
}

export TF_NUM_INTRAOP_THREADS=1
commands "$@" | xargs -P 2 -I{} sh -c '{}'
for data in flo cub; do
    bin/summary --out="$out/$data" "$out/$data"-*
done
