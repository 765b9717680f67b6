//! Bytes held for a live resource.

use std::hint::black_box;

use drift_core::Packer;

use crate::Failure;
use crate::estate::Case;
use crate::measure::best;

pub(crate) fn run(cases: &[Case]) -> Result<(), Failure> {
    let docs: Vec<_> = cases.iter().flat_map(|c| &c.live).map(|o| o.doc()).collect();
    let json: usize = docs.iter().map(|d| d.to_json().len()).sum();
    let decoded: usize = docs.iter().map(|d| d.heap_size()).sum();
    println!("{} live resources of {} bytes of JSON", docs.len(), json / docs.len().max(1));
    println!("decoded: {:.2} of the JSON", decoded as f64 / json as f64);
    let packer = Packer::default();
    let packed: Vec<_> = docs.iter().map(|d| packer.pack(d)).collect();
    let held: usize = packed.iter().map(|p| p.heap_size()).sum();
    println!("held: {:.3} of the JSON (budget 0.200)", held as f64 / json as f64);
    let time = best(|| {
        for p in &packed {
            black_box(p.unpack().ok());
        }
    });
    println!("unpacking one: {:.1} µs", time.as_secs_f64() * 1e6 / packed.len().max(1) as f64);
    Ok(())
}
